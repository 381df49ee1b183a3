package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"latchkey/monitor/notify/webhook"
)

// webhookVariable is where webhook verify finds the secret when no file is named.
const webhookVariable = "LATCHKEY_WEBHOOK_SECRET"

func webhookCommand() *command {
	return &command{name: "webhook", short: "verify the signature of a notification", sub: []*command{webhookVerifyCommand()}}
}

func webhookVerifyCommand() *command {
	var id, stamp, signature, body, from string
	var anyTime bool
	return &command{
		name: "verify", short: "check that a notification was signed with a secret, and print it",
		long: `The three values are those of the headers webhook-id, webhook-timestamp and webhook-signature, the body is what was posted, byte by byte. Exit code 1 if it was not signed so, or not within 5 minutes.
Libraries for receivers are at standardwebhooks.com.`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&from, "secret-file", "", "`FILE` with the secret; default: $LATCHKEY_WEBHOOK_SECRET")
			f.StringVar(&id, "id", "", "`VALUE` of webhook-id")
			f.StringVar(&stamp, "timestamp", "", "`VALUE` of webhook-timestamp")
			f.StringVar(&signature, "signature", "", "`VALUE` of webhook-signature")
			f.StringVar(&body, "body", "-", "`FILE` with the body; - is standard input")
			f.BoolVar(&anyTime, "any-time", false, "take an old one too")
		},
		run: func(_ context.Context, c *call) error {
			if id == "" || stamp == "" || signature == "" {
				return usagef("--id, --timestamp and --signature are needed")
			}
			var raw []byte
			if v, ok := c.LookupEnv(webhookVariable); from == "" && ok {
				_ = c.Unsetenv(webhookVariable)
				raw = []byte(v)
			} else if from == "" {
				return usagef("--secret-file is missing, and $%s is not set", webhookVariable)
			} else {
				var err error
				if raw, err = c.readInput(from, 4096); err != nil {
					return fmt.Errorf("reading the secret: %w", err)
				}
			}
			key, err := webhook.ParseSecret(raw)
			if err != nil {
				return err
			}
			defer key.Destroy()
			b, err := c.readInput(body, 1<<20)
			if err != nil {
				return fmt.Errorf("reading the body: %w", err)
			}
			now := c.Clock.Now()
			if anyTime {
				now = time.Time{}
			}
			if err := webhook.Verify(key, id, stamp, signature, b, now); err != nil {
				return withHint(err, "the secret must be the one that the sender has, and the body what it sent, not one that was parsed and written again")
			}
			var m webhook.Body
			if err := json.Unmarshal(b, &m); err != nil {
				return fmt.Errorf("it is signed, but no notification: %w", err)
			}
			_, err = fmt.Fprintf(c.Stdout, "signed: %s %s %s\n", m.Data.Event, m.Data.Status, m.Data.Description)
			return err
		},
	}
}
