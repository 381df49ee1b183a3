package raise

import "fmt"

// text is a message in Go's verbs.
type text struct {
	severity, state uint8
	text            string
}

// texts are the messages that the executor raises itself.
func texts(number int) (text, bool) {
	switch number {
	case 119:
		return text{15, 1, "Must pass parameter number %d and subsequent parameters as '@name = value'. After the form '@name = value' has been used, all subsequent parameters must be passed in the form '@name = value'."}, true
	case 133:
		return text{15, 1, "A GOTO statement references the label '%s' but the label has not been declared."}, true
	case 179:
		return text{15, 1, "Cannot use the OUTPUT option when passing a constant to a stored procedure."}, true
	case 264:
		return text{16, 1, "The column name '%s' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once."}, true
	case 1074:
		return text{15, 1, "Creation of temporary functions is not allowed."}, true
	case 4103:
		return text{15, 1, "\"%s\": Temporary views are not allowed."}, true
	case 2501:
		return text{16, 45, "Cannot find a table or object with the name \"%s\". Check the system catalog."}, true
	case 2583:
		return text{16, 3, "An incorrect number of parameters was given to the DBCC statement."}, true
	case 7997:
		return text{16, 1, "'%s' does not contain an identity column."}, true
	case 7998:
		return text{10, 1, "Checking identity information: current identity value %s."}, true
	case 2528:
		return text{10, 1, "DBCC execution completed. If DBCC printed error messages, contact your system administrator."}, true
	case 2571:
		return text{14, 3, "User '%s' does not have permission to run DBCC %s."}, true
	case 2760:
		return text{16, 1, "The specified schema name \"%s\" either does not exist or you do not have permission to use it."}, true
	case 3701:
		return text{11, 1, "Cannot %s the %s '%s', because it does not exist or you do not have permission."}, true
	case 3906:
		return text{16, 1, "Failed to update database \"%s\" because the database is read-only."}, true
	case 4508:
		return text{16, 1, "Views or functions are not allowed on temporary tables. Table names that begin with '#' denote temporary tables."}, true
	case 4804:
		return text{16, 1, "The number of columns in the bulk load differs from what INSERT BULK announced."}, true
	case 11501:
		return text{16, 2, "The batch could not be analyzed because of compile errors."}, true
	case 11502:
		return text{16, 1, "The type for parameter '%s' cannot be deduced in this context."}, true
	case 11503:
		return text{16, 1, "The parameter type cannot be deduced because a single expression contains two untyped parameters, '%s' and '%s'."}, true
	case 11508:
		return text{16, 1, "The undeclared parameter '%s' is used more than once in the batch being analyzed."}, true
	case 15151:
		return text{16, 1, "Cannot %s the %s '%s', because it does not exist or you do not have permission."}, true
	case 15664:
		return text{16, 1, "Cannot set key '%s' in the session context. The key has been set as read_only for this session."}, true
	case 6819:
		return text{16, 1, "The FOR XML clause is not allowed in a %s statement."}, true
	case 13602:
		return text{16, 1, "The FOR JSON clause is not allowed in a %s statement."}, true
	case 15665:
		return text{16, 1, "The value was not set for the session context. The total size of keys and values in the session context exceeds its limit."}, true
	case 35100:
		return text{16, 10, "Error number %d in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647."}, true
	case 134:
		return text{15, 2, "The variable name '%s' has already been declared. Variable names must be unique within a query batch or stored procedure."}, true
	case 135:
		return text{15, 1, "Cannot use a BREAK statement outside the scope of a WHILE statement."}, true
	case 136:
		return text{15, 1, "Cannot use a CONTINUE statement outside the scope of a WHILE statement."}, true
	case 137:
		return text{15, 2, "Must declare the scalar variable \"%s\"."}, true
	case 141:
		return text{15, 1, "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations."}, true
	case 148:
		return text{15, 1, "Incorrect time syntax in time string '%s' used with WAITFOR."}, true
	case 149:
		return text{15, 1, "Time value '%s' used with WAITFOR is not a legal value. Check date/time syntax."}, true
	case 178:
		return text{15, 1, "A RETURN statement with a return value cannot be used in this context."}, true
	case 195:
		return text{15, 1, "'%s' is not a recognized %s."}, true
	case 199:
		return text{15, 1, "An INSERT statement cannot contain a SELECT statement that assigns values to a variable."}, true
	case 201:
		return text{16, 4, "Procedure or function '%s' expects parameter '%s', which was not supplied."}, true
	case 203:
		return text{16, 2, "The name '%s' is not a valid identifier."}, true
	case 208:
		return text{16, 1, "Invalid object name '%s'."}, true
	case 213:
		return text{16, 7, "Column name or number of supplied values does not match table definition."}, true
	case 214:
		return text{16, 2, "Procedure expects parameter '%s' of type '%s'."}, true
	case 217:
		return text{16, 1, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32)."}, true
	case 226:
		return text{16, 6, "%s statement not allowed within multi-statement transaction."}, true
	case 229:
		return text{14, 5, "The %s permission was denied on the object '%s', database '%s', schema '%s'."}, true
	case 230:
		return text{14, 1, "The %s permission was denied on the column '%s' of the object '%s', database '%s', schema '%s'."}, true
	case 262:
		return text{14, 1, "%s permission denied in database '%s'."}, true
	case 266:
		return text{16, 2, "Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements. Previous count = %d, current count = %d."}, true
	case 297:
		return text{16, 1, "The user does not have permission to perform this action."}, true
	case 313:
		return text{16, 3, "An insufficient number of arguments were supplied for the procedure or function %s."}, true
	case 349:
		return text{16, 1, "The procedure \"%s\" has no parameter named \"%s\"."}, true
	case 352:
		return text{15, 1, "The table-valued parameter \"%s\" must be declared with the READONLY option."}, true
	case 444:
		return text{16, 3, "Select statements included within a function cannot return data to a client."}, true
	case 557:
		return text{16, 2, "Only functions and some extended stored procedures can be executed from within a function."}, true
	case 2809:
		return text{16, 1, "The request for procedure '%s' failed because '%s' is a table valued function object."}, true
	case 500:
		return text{16, 1, "Trying to pass a table-valued parameter with %d column(s) where the corresponding user-defined table type requires %d column(s)."}, true
	case 512:
		return text{16, 1, "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression."}, true
	case 574:
		return text{16, 0, "%s statement cannot be used inside a user transaction."}, true
	case 596:
		return text{21, 1, "Cannot continue the execution because the session is in the kill state."}, true
	case 628:
		return text{16, 0, "Cannot issue SAVE TRANSACTION when there is no active transaction."}, true
	case 701:
		return text{17, 123, "There is insufficient system memory in resource pool 'default' to run this query."}, true
	case 911:
		return text{16, 1, "Database '%s' does not exist. Make sure that the name is entered correctly."}, true
	case 916:
		return text{14, 1, "The server principal \"%s\" is not able to access the database \"%s\" under the current security context."}, true
	case 1105:
		return text{17, 2, "Could not allocate space for the database because its file system is full. Free space and run the statement again."}, true
	case 1205:
		return text{13, 51, "Transaction (Process ID %d) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction."}, true
	case 1222:
		return text{16, 56, "Lock request time out period exceeded."}, true
	case 1026:
		return text{15, 1, "GOTO cannot be used to jump into a TRY or CATCH scope."}, true
	case 1087:
		return text{15, 2, "Must declare the table variable \"%s\"."}, true
	case 2715:
		return text{16, 3, "Column, parameter, or variable #%d: Cannot find data type %s."}, true
	case 2726:
		return text{16, 1, "Partition function '%s' uses %d columns which does not match with the number of partition columns used to partition the table or index."}, true
	case 2732:
		return text{16, 1, "Error number %d is invalid. The number must be from %d through %d and it cannot be 50000."}, true
	case 2739:
		return text{16, 1, "The text, ntext, and image data types are invalid for local variables."}, true
	case 2745:
		return text{16, 2, "Process ID %d has raised user error %d, severity %d. SQL Server is terminating this process."}, true
	case 2748:
		return text{16, 1, "Cannot specify %s data type (parameter %d) as a substitution parameter."}, true
	case 2754:
		return text{16, 1, "Error severity levels greater than 18 can only be specified by members of the sysadmin role, using the WITH LOG option."}, true
	case 2756:
		return text{16, 1, "Invalid value %d for state. Valid range is from %d to %d."}, true
	case 2778:
		return text{16, 1, "Only System Administrator can specify WITH LOG option for RAISERROR command."}, true
	case 2786:
		return text{16, 1, "The data type of substitution parameter %d does not match the expected type of the format specification."}, true
	case 2787:
		return text{16, 1, "Invalid format specification: '%s'."}, true
	case 2812:
		return text{16, 62, "Could not find stored procedure '%s'."}, true
	case 3609:
		return text{16, 1, "The transaction ended in the trigger. The batch has been aborted."}, true
	case 3621:
		return text{0, 0, "The statement has been terminated."}, true
	case 3624:
		return text{16, 1, Internal}, true
	case 3902:
		return text{16, 1, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION."}, true
	case 3903:
		return text{16, 1, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION."}, true
	case 3908:
		return text{16, 1, "Could not run BEGIN TRANSACTION in database '%s' because the database is in emergency mode or is damaged and must be restarted."}, true
	case 3915:
		return text{16, 0, "Cannot use the ROLLBACK statement within an INSERT-EXEC statement."}, true
	case 3930:
		return text{16, 1, "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction."}, true
	case 3931:
		return text{16, 1, "The current transaction cannot be committed and cannot be rolled back to a savepoint. Roll back the entire transaction."}, true
	case 3952:
		return text{16, 1, "Snapshot isolation transaction failed accessing database '%s' because snapshot isolation is not allowed in this database. Use ALTER DATABASE to allow snapshot isolation."}, true
	case 3960:
		return text{16, 2, "Snapshot isolation transaction aborted due to update conflict. You cannot use snapshot isolation to access table '%s' directly or indirectly in database '%s' to update, delete, or insert the row that has been modified or deleted by another transaction. Retry the transaction or change the isolation level for the update/delete statement."}, true
	case 3971:
		return text{16, 1, "The server failed to resume the transaction. Desc:%s."}, true
	case 3989:
		return text{16, 1, "New request is not allowed to start because it should come with valid transaction descriptor."}, true
	case 3998:
		return text{16, 1, "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back."}, true
	case 4022:
		return text{16, 1, "Bulk load data was expected but not sent. The batch will be terminated."}, true
	case 4104:
		return text{16, 1, "The multi-part identifier \"%s\" could not be bound."}, true
	case 4815:
		return text{16, 1, "Received an invalid column length from the bcp client for colid %d."}, true
	case 6101:
		return text{16, 1, "Session ID %d is not valid."}, true
	case 6102:
		return text{14, 1, "User does not have permission to use the KILL statement."}, true
	case 6104:
		return text{16, 1, "Cannot use KILL to kill your own process."}, true
	case 6106:
		return text{16, 1, "Process ID %d is not an active process ID."}, true
	case 6107:
		return text{14, 1, "Only user processes can be killed."}, true
	case 6120:
		return text{16, 1, "Status report cannot be obtained. Rollback operation for Process ID %d is not in progress."}, true
	case 6401:
		return text{16, 1, "Cannot roll back %s. No transaction or savepoint of that name was found."}, true
	case 7202:
		return text{11, 2, "Could not find server '%s' in sys.servers. Verify that the correct server name was specified. If necessary, execute the stored procedure sp_addlinkedserver to add the server to sys.servers."}, true
	case 8004:
		return text{16, 1, "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. The RPC name is invalid."}, true
	case 8047:
		return text{16, 1, "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. Parameter %d (\"%s\"): The supplied value is NULL and data type %s is not nullable."}, true
	case 8062:
		return text{16, 1, "The data type of table-valued parameter %d (\"%s\") is not valid."}, true
	case 8144:
		return text{16, 2, "Procedure or function %s has too many arguments specified."}, true
	case 8145:
		return text{16, 1, "%s is not a parameter for procedure %s."}, true
	case 8143:
		return text{16, 1, "Parameter '%s' was supplied multiple times."}, true
	case 8146:
		return text{16, 1, "Procedure %s has no parameters and arguments were supplied."}, true
	case 8162:
		return text{16, 2, "The formal parameter \"%s\" was not declared as an OUTPUT parameter, but the actual parameter passed in requested output."}, true
	case 8164:
		return text{16, 1, "An INSERT EXEC statement cannot be nested."}, true
	case 8178:
		return text{16, 1, "The parameterized query '%s' expects the parameter '%s', which was not supplied."}, true
	case 8179:
		return text{16, 4, "Could not find prepared statement with handle %d."}, true
	case 8180:
		return text{16, 1, "Statement(s) could not be prepared."}, true
	case 8623:
		return text{16, 1, "The query processor ran out of internal resources and could not produce a query plan."}, true
	case 8169:
		return text{16, 2, "Conversion failed when converting from a character string to uniqueidentifier."}, true
	case 10700:
		return text{16, 1, "The table-valued parameter \"%s\" is READONLY and cannot be modified."}, true
	case 10704:
		return text{16, 1, "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement."}, true
	case 14262:
		return text{16, 1, "The specified %s ('%s') does not exist."}, true
	case 15009:
		return text{16, 1, "The object '%s' does not exist in database '%s' or is invalid for this operation."}, true
	case 15097:
		return text{16, 1, "The size associated with an extended property cannot be more than 7,500 bytes."}, true
	case 15135:
		return text{16, 8, "Object is invalid. Extended properties are not permitted on '%s', or the object does not exist."}, true
	case 15217:
		return text{16, 2, "Property cannot be updated or deleted. Property '%s' does not exist for '%s'."}, true
	case 15233:
		return text{16, 1, "Property cannot be added. Property '%s' already exists for '%s'."}, true
	case 15600:
		return text{15, 1, "An invalid parameter or option was specified for procedure '%s'."}, true
	case 15010:
		return text{16, 1, "The database '%s' does not exist. Supply a valid database name. To see available databases, use sys.databases."}, true
	case 15197:
		return text{16, 1, "There is no text for object '%s'."}, true
	case 18054:
		return text{16, 1, "Error %d, severity %d, state %d was raised, but no message with that error number was found in sys.messages. If error is larger than 50000, make sure the user-defined message is added using sp_addmessage."}, true
	case 15225:
		return text{11, 1, "No item by the name of '%s' could be found in the current database '%s', given that @itemtype was input as '%s'."}, true
	case 15248:
		return text{11, 1, "Either the parameter @objname is ambiguous or the claimed @objtype (%s) is wrong."}, true
	case 15335:
		return text{11, 1, "Error: The new name '%s' is already in use as a %s name and would cause a duplicate that is not permitted."}, true
	case 15477:
		return text{10, 1, "Caution: Changing any part of an object name could break scripts and stored procedures."}, true
	case 16901:
		return text{16, 1, "%s: This feature has not been implemented yet."}, true
	case 16902:
		return text{16, 48, "%s: The value of the parameter '%s' is invalid."}, true
	case 16905:
		return text{16, 1, "The cursor is already open."}, true
	case 16911:
		return text{16, 1, "%s: The fetch type %s cannot be used with forward only cursors."}, true
	case 16915:
		return text{16, 1, "A cursor with the name '%s' already exists."}, true
	case 16916:
		return text{16, 1, "A cursor with the name '%s' does not exist."}, true
	case 16917:
		return text{16, 1, "Cursor is not open."}, true
	case 16924:
		return text{16, 1, "Cursorfetch: The number of variables declared in the INTO list must match that of selected columns."}, true
	case 16950:
		return text{16, 1, "The variable '%s' does not currently have a cursor allocated to it."}, true
	case 40517:
		return text{16, 1, "Keyword or statement option '%s' is not supported in this version of SQL Server."}, true
	case 8153:
		return text{0, 1, "Warning: Null value is eliminated by an aggregate or other SET operation."}, true
	case 5701:
		return text{0, 2, "Changed database context to '%s'."}, true
	case 5703:
		return text{0, 1, "Changed language setting to %s."}, true
	case 1204:
		return text{19, 1, "The instance of the SQL Server Database Engine cannot obtain a LOCK resource at this time. Rerun your statement when there are fewer active users. Ask the database administrator to check the lock and memory configuration for this instance, or to check for long-running transactions."}, true
	case 1223:
		return text{16, 1, "Cannot release the application lock (Database Principal: '%s', Resource: '%s') because it is not currently held."}, true
	case 1224:
		return text{16, 1, "An invalid application lock resource was passed to %s."}, true
	case 1225:
		return text{16, 1, "An invalid application lock mode was passed to %s."}, true
	case 1226:
		return text{16, 1, "An invalid application lock owner was passed to %s."}, true
	case 1227:
		return text{16, 1, "An invalid application lock time-out was passed to %s."}, true
	case 1228:
		return text{16, 1, "An invalid database principal was passed to %s."}, true
	case 1229: // SQL Server's number for this is not known to us
		return text{16, 1, "You attempted to acquire a transactional application lock without an active transaction."}, true
	case 5313:
		return text{16, 1, "Synonym '%s' refers to an invalid object."}, true
	case 2743:
		return text{16, 1, "%s"}, true
	case 2769:
		return text{16, 1, "The value %s of '%s' is out of range."}, true
	case 2740:
		return text{16, 1, "SET LANGUAGE failed because '%s' is not an official language name or a language alias on this SQL Server."}, true
	case 2741:
		return text{16, 1, "SET DATEFORMAT date order '%s' is invalid."}, true
	case 2742:
		return text{16, 1, "SET DATEFIRST %s is out of range."}, true
	case 2744:
		return text{16, 2, "Multiple identity columns specified for table '%s'. Only one identity column per table is allowed."}, true
	case 8106:
		return text{16, 1, "Table '%s' does not have the identity property. Cannot perform SET operation."}, true
	case 8107:
		return text{16, 1, "IDENTITY_INSERT is already ON for table '%s'. Cannot perform SET operation for table '%s'."}, true
	case 1088:
		return text{16, 11, "Cannot find the object \"%s\" because it does not exist or you do not have permissions."}, true
	case 15650:
		return text{10, 1, "Updating [%s]"}, true
	case 22830:
		return text{16, 1, "The %s must be ON for this statement."}, true
	}
	return text{}, false
}

// New makes one of the executor's messages with its blanks filled from args, in order. A number without a text gives message 50000
// that names it, so that a slip shows in tests and never hides that something failed.
func New(number int, args ...any) *Error {
	t, ok := texts(number)
	if !ok {
		return &Error{Number: 50000, Severity: 16, State: 1, Text: fmt.Sprintf("message %d has no text: %v", number, args)}
	}
	return &Error{Number: number, Severity: t.severity, State: t.state, Text: fmt.Sprintf(t.text, args...)}
}

// Text is the text of a message that this server raises, with the inserts of RAISERROR.
func Text(number int) (string, bool) {
	t, ok := texts(number)
	return t.text, ok
}

// Unsupported is message 40517, which names what this server does not do.
func Unsupported(feature string) *Error {
	e := New(40517, feature)
	e.Bind = true
	return e
}
