// Package cell puts a sqltype.Value into a SQLite column and takes it out again.
//
// SQLite has integers, floats, text and blobs. Each of SQL Server's types has one form among them ([Affinity]), chosen so that
// SQLite's own comparison, order, DISTINCT, indexes and joins are right for two values of one type: decimals of more than 18
// digits, uniqueidentifiers and datetimeoffsets are blobs that sort as the values do. Two values of different types, or of
// decimals of different scale, do not compare: the compiler converts one of them before.
//
//	bit, tinyint, smallint, int, bigint   INTEGER
//	decimal up to 18 digits               INTEGER, times 10^scale
//	decimal of more digits                BLOB of 17: a sign byte (0 below zero, else 1), the magnitude in 128 bits, big-endian,
//	                                      complemented below zero
//	money, smallmoney                     INTEGER, ten-thousandths
//	real, float                           REAL
//	char, varchar, text and national, xml TEXT in WTF-8, under the sequence that [Collation] names
//	binary, varbinary, image, rowversion  BLOB
//	uniqueidentifier                      BLOB of 16, in SQL Server's order of comparison
//	date, smalldatetime, time             INTEGER: days since 0001-01-01; minutes since 1900-01-01; 100 ns since midnight
//	datetime, datetime2                   INTEGER: 1/300 s since 1900-01-01; 100 ns since 0001-01-01
//	datetimeoffset                        BLOB of 10: UTC as datetime2 with the top bit set, then minutes east + 32,768, big-endian
//	sql_variant                           BLOB: 1, system_type_id, precision, scale, then the value in 8 bytes or as it is
//
// Where blobs do not compare as SQL Server does ([Key] tells for which types): a datetimeoffset is equal to another of the same
// instant, a sql_variant to a number of another type. Not followed: binary values that differ in trailing zero bytes alone are
// different here.
//
// [Bind], [Column], [FromArg] and [Result] move values; [Encode] and [Decode] are the same without SQLite; [Literal] writes a
// value into SQL text. A cell that holds what its type cannot hold is [ErrForm]: the database is damaged or the caller is wrong.
package cell
