package tsql_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/engine/tsql"
	"latchkey/engine/tsql/token"
)

var wordLiteral = regexp.MustCompile(`"([A-Z][A-Z_0-9]+)"`)

// parserWords are the upper-case words in the sources of the parser.
func parserWords(t *testing.T) []string {
	t.Helper()
	var words []string
	err := filepath.WalkDir("parse", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, m := range wordLiteral.FindAllStringSubmatch(readFile(t, path), -1) {
			words = append(words, m[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// Names that are spelt like words of the grammar survive in every place where a name may stand. This also keeps the printer's
// list of such words complete.
func TestNamesLikeWords(t *testing.T) {
	words := parserWords(t)
	if len(words) < 500 {
		t.Fatalf("only %d words found", len(words))
	}
	listed := readFile(t, "format/phrase/words.go")
	for _, w := range words {
		if !token.IsReserved(w) && !strings.Contains(listed, w) {
			t.Errorf("format/phrase/words.go lacks %s", w)
		}
		for _, tmpl := range []string{
			"SELECT [W], [W] AS [W], t.[W] [W], [W].[W] FROM [W] AS [W], [W] [W], dbo.[W] JOIN [W] ON [W] = [W] WHERE [W] LIKE [W] GROUP BY [W] ORDER BY [W]",
			"SELECT * FROM [W]; SELECT 1 AS [W]; SELECT 1 [W] FROM (SELECT 1 AS [W]) AS [W] ([W])",
			"SELECT [W]([W], [W]), dbo.[W](1), SUM([W]) OVER (PARTITION BY [W] ORDER BY [W]), SUM(a) OVER [W] FROM dbo.[W]([W]) AS [W] WINDOW [W] AS ([W])",
			"WITH [W] ([W]) AS (SELECT 1) UPDATE [W] SET [W] = [W] + 1 FROM [W] WHERE [W] IS NULL",
			"INSERT INTO [W] ([W]) OUTPUT inserted.[W] VALUES ([W]); DELETE FROM [W]; EXEC [W] [W]; EXEC [W].[W] @[W] = 1",
			"MERGE [W] AS [W] USING [W] AS [W] ON [W].a = [W].b WHEN MATCHED THEN UPDATE SET [W] = 1 WHEN NOT MATCHED THEN INSERT ([W]) VALUES ([W]);",
			"CREATE TABLE [W] ([W] int CONSTRAINT [W] DEFAULT [W] NULL, CONSTRAINT [W] PRIMARY KEY ([W]), [x] [W]) ON [W]",
			"CREATE LOGIN [W] FROM ASYMMETRIC KEY [W]; ALTER LOGIN [W] ADD CREDENTIAL [W]; DROP LOGIN [W]; USE [W]; CREATE USER [W] FOR LOGIN [W] WITH DEFAULT_SCHEMA = [W]",
			"CREATE CRYPTOGRAPHIC PROVIDER [W] FROM FILE = 'x'; ALTER DATABASE [W] SET ENCRYPTION ON; DROP DATABASE [W]; CREATE DATABASE [W] COLLATE [W]",
			"CREATE ASYMMETRIC KEY [W] FROM PROVIDER [W] WITH PROVIDER_KEY_NAME = 'x'; OPEN SYMMETRIC KEY [W] DECRYPTION BY CERTIFICATE [W]; GRANT SELECT ON [W].[W] TO [W]; GRANT CONTROL ON LOGIN::[W] TO [W] AS [W]",
			"BACKUP DATABASE [W] TO DISK = 'x'; BACKUP LOG [W] TO [W]; BEGIN TRAN [W]; OPEN [W]; FETCH FROM [W]; DEALLOCATE [W]; GOTO [W]\n[W]: SELECT 1",
			"DECLARE [W] CURSOR FOR SELECT [W] FROM [W]; DBCC CHECKDB ([W]); SET LANGUAGE [W]; SET IDENTITY_INSERT [W] ON",
			"CREATE INDEX [W] ON [W] ([W]) INCLUDE ([W]); DROP INDEX [W] ON [W]; ALTER TABLE [W] DROP COLUMN [W]; ALTER TABLE [W] ADD [W] int; DROP TABLE [W], [W].[W]",
		} {
			src := strings.ReplaceAll(tmpl, "[W]", "["+w+"]")
			src = strings.ReplaceAll(src, "@["+w+"]", "@"+w)
			if _, err := tsql.Parse(src, on); err != nil {
				t.Errorf("%v: %s", err, src)
				continue
			}
			roundTrip(t, src, on)
		}
	}
}
