package token

import (
	"strings"
	"unicode/utf8"
)

// reservedWords are the words that cannot be identifiers without quotes. Index 0 is no word.
var reservedWords = strings.Fields(`-
ADD ALL ALTER AND ANY AS ASC AUTHORIZATION BACKUP BEGIN BETWEEN BREAK BROWSE BULK BY CASCADE CASE CHECK CHECKPOINT CLOSE
CLUSTERED COALESCE COLLATE COLUMN COMMIT COMPUTE CONSTRAINT CONTAINS CONTAINSTABLE CONTINUE CONVERT CREATE CROSS CURRENT
CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DBCC DEALLOCATE DECLARE DEFAULT DELETE DENY DESC
DISK DISTINCT DISTRIBUTED DOUBLE DROP DUMP ELSE END ERRLVL ESCAPE EXCEPT EXEC EXECUTE EXISTS EXIT EXTERNAL FETCH FILE
FILLFACTOR FOR FOREIGN FREETEXT FREETEXTTABLE FROM FULL FUNCTION GOTO GRANT GROUP HAVING HOLDLOCK IDENTITY IDENTITY_INSERT
IDENTITYCOL IF IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY KILL LEFT LIKE LINENO LOAD MERGE NATIONAL NOCHECK
NONCLUSTERED NOT NULL NULLIF OF OFF OFFSETS ON OPEN OPENDATASOURCE OPENQUERY OPENROWSET OPENXML OPTION OR ORDER OUTER OVER
PERCENT PIVOT PLAN PRIMARY PRINT PROC PROCEDURE PUBLIC RAISERROR READ READTEXT RECONFIGURE REFERENCES REPLICATION RESTORE
RESTRICT RETURN REVERT REVOKE RIGHT ROLLBACK ROWCOUNT ROWGUIDCOL RULE SAVE SCHEMA SECURITYAUDIT SELECT
SEMANTICKEYPHRASETABLE SEMANTICSIMILARITYDETAILSTABLE SEMANTICSIMILARITYTABLE SESSION_USER SET SETUSER SHUTDOWN SOME
STATISTICS SYSTEM_USER TABLE TABLESAMPLE TEXTSIZE THEN TO TOP TRAN TRANSACTION TRIGGER TRUNCATE TRY_CONVERT TSEQUAL UNION
UNIQUE UNPIVOT UPDATE UPDATETEXT USE USER VALUES VARYING VIEW WAITFOR WHEN WHERE WHILE WITH WRITETEXT`)

const maxReserved = 40

var reservedIndex = indexWords()

func indexWords() map[string]uint16 {
	m := make(map[string]uint16, len(reservedWords))
	for i, w := range reservedWords {
		if i > 0 {
			m[w] = uint16(i)
		}
	}
	return m
}

// reserved finds the reserved word that s is, in any case; 0 for none.
func reserved(s string) uint16 {
	if len(s) > maxReserved || len(s) < 2 {
		return 0
	}
	var buf [maxReserved]byte
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		case c >= 'A' && c <= 'Z', c == '_':
		default:
			return 0
		}
		buf[i] = c
	}
	return reservedIndex[string(buf[:len(s)])]
}

// IsReserved reports whether s, in any case, cannot be an identifier without quotes.
func IsReserved(s string) bool { return reserved(s) != 0 }

// IsRegular reports whether s has the form of an identifier that needs no quotes; it may still be a reserved word.
func IsRegular(s string) bool {
	if s == "" || s[0] == '@' {
		return false
	}
	for i, r := range s {
		if i == 0 && !startsName(r) || !inName(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// Quote is s in brackets.
func Quote(s string) string { return "[" + strings.ReplaceAll(s, "]", "]]") + "]" }

// QuoteString is s as the content between single quotes: quotes doubled, and a backslash before a line end kept from
// joining lines.
func QuoteString(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, "\\\n") || strings.Contains(s, "\\\r\n") {
		s = strings.ReplaceAll(s, "\\\r\n", "\\\\\r\n\r\n")
		s = strings.ReplaceAll(s, "\\\n", "\\\\\n\n")
	}
	return s
}
