package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"telegate/api"
	"telegate/internal/exit"
)

// refusal is a problem with which the gateway answered.
type refusal struct{ api.Problem }

// Error is the problem in the words of the command line: it names arguments, not members of a request.
func (r refusal) Error() string {
	text := r.Title + ": " + r.Detail
	for _, f := range r.Errors {
		text += fmt.Sprintf("\n  %s: %s", argumentOf(f.Pointer), f.Detail)
	}
	if c := r.Counts; c != nil {
		text += fmt.Sprintf("\n  reachable %d, not linked %d, blocked %d", c.Reachable, c.Unlinked, c.Blocked)
	}
	if r.StartURL != "" {
		text += "\n  The bot: " + r.StartURL
	}
	return text
}

// argumentOf is the argument that a pointer such as "#/send_at" or "query/status" is about. Other places stay as they are, such as a
// line of the configuration.
func argumentOf(pointer string) string {
	for _, where := range []string{"#/", "query/", "header/"} {
		if name, ok := strings.CutPrefix(pointer, where); ok {
			return strings.ReplaceAll(name, "_", "-")
		}
	}
	return pointer
}

// problemError is the problem in an answer. A value that the gateway refuses is a mistake in the command line.
func problemError(resp *http.Response) error {
	var r refusal
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&r.Problem); err != nil || r.Title == "" {
		return fmt.Errorf("the gateway answered %s", resp.Status)
	}
	if r.Type == "/problems/invalid-credentials" { // the gateway's own words are about a header
		r.Detail = "telegate does not know this key. Check TELEGATE_KEY, or --key. If the key is new, paste its section at the end of telegate.toml, " +
			"then reload telegate (with the package: sudo systemctl reload telegate) or restart it."
	}
	if r.Type == "/problems/validation-failed" || r.Type == "/problems/malformed-request" {
		return exit.AsUsage(r)
	}
	return r
}

// withLinkCommand adds the command that links a user, if the error says that the user has no linked chat.
func withLinkCommand(err error, domain, user string) error {
	var r refusal
	if user == "" || !errors.As(err, &r) || r.Type != "/problems/recipient-unknown" {
		return err
	}
	return fmt.Errorf("%w\n  To link the user: %s", err, linkCommand(domain, user))
}

// linkCommand is the command that links a user.
func linkCommand(domain, user string) string {
	command := "telegate users link "
	if domain != "" {
		command += "--domain " + shellWord(domain) + " "
	}
	return command + shellWord(user)
}

var plainWord = regexp.MustCompile(`^[\p{L}\p{N}._@/][\p{L}\p{N}._@/+:=-]*$`)

// shellWord quotes a word for a shell if that is needed.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
