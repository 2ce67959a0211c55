package bot_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/bot"
	"telegate/language"
)

// asks is a world whose Telegram gives an answer to getChat; it counts the questions.
func asks(t *testing.T, answer func() (string, error)) (w *namingWorld, questions *int) {
	questions = new(int)
	telegram := roundTrip(func(r *http.Request) (*http.Response, error) {
		text := `{"ok":true,"result":true}`
		if strings.HasSuffix(r.URL.Path, "/getChat") {
			*questions++
			var err error
			if text, err = answer(); err != nil {
				return nil, err
			}
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text))}, nil
	})
	w = &namingWorld{world: newWorld(t)}
	english := language.New()["en"]()
	w.handler = bot.NewUpdateHandler(bot.UpdateHandlerOptions{
		Client: newClient(t, telegram), Links: w, Codes: askedCodes{asked: w.asked}, Messages: w, Now: func() time.Time { return w.now },
		Words: func(string) *language.Words { return english }, Logger: w.log.logger(),
	})
	t.Cleanup(w.handler.Close)
	return w, questions
}

// namingWorld remembers further usernames.
type namingWorld struct {
	*world
	names   []string
	saved   int
	waiting string // the username that something waits for
	sent    int
}

func (w *namingWorld) SaveMoreUsernames(_ context.Context, _, _ int64, names []string) error {
	w.names = names
	w.saved++
	return nil
}

func (w *namingWorld) SendWaiting(_ context.Context, _ int64, username string) (bool, error) {
	if username == "" || !strings.EqualFold(username, w.waiting) {
		return false, nil
	}
	w.sent++
	return true, nil
}

func TestStartSendsWhatWaitsForAnyUsername(t *testing.T) {
	for name, test := range map[string]struct {
		answer  string
		waiting string
		sent    int
		names   []string
	}{
		"second":          {`{"ok":true,"result":{"id":5,"username":"first_name","active_usernames":["first_name","second_name","third_name"]}}`, "Second_Name", 1, []string{"second_name", "third_name"}},
		"first":           {`{"ok":true,"result":{"active_usernames":["first_name","second_name"]}}`, "first_name", 1, nil},
		"nobody's":        {`{"ok":true,"result":{"active_usernames":["first_name","second_name"]}}`, "other_name", 0, []string{"second_name"}},
		"only one":        {`{"ok":true,"result":{"active_usernames":["FIRST_name"]}}`, "second_name", 0, []string{}},
		"none":            {`{"ok":true,"result":{}}`, "second_name", 0, nil},
		"an empty one":    {`{"ok":true,"result":{"active_usernames":[""]}}`, "second_name", 0, []string{}},
		"unknown variant": {`{"ok":true,"result":{"active_usernames":["second_name"],"available_reactions":[{"type":"new"}],"birthdate":7}}`, "second_name", 1, []string{"second_name"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range []string{"/start", "/start TOKEN"} {
				w, _ := asks(t, func() (string, error) { return test.answer, nil })
				w.waiting = test.waiting
				m := private(5, text)
				m.Chat.Username = "first_name"
				w.say(m)
				if w.sent != test.sent || !slices.Equal(w.names, test.names) {
					t.Errorf("%s: %d sent, usernames %q", text, w.sent, w.names)
				}
			}
		})
	}
}

// Without an answer nothing is forgotten, and Start is answered all the same.
func TestStartWorksWhenTheUsernamesAreNotKnown(t *testing.T) {
	for name, answer := range map[string]struct {
		text string
		err  error
	}{
		"no answer":       {"", errors.New("cut")},
		"refused":         {`{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`, nil},
		"limited":         {`{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}`, nil},
		"a proxy's page":  {`<html>`, nil},
		"another type":    {`{"ok":true,"result":true}`, nil},
		"names of a type": {`{"ok":true,"result":{"active_usernames":[1,2]}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, questions := asks(t, func() (string, error) { return answer.text, answer.err })
			w.waiting = "second_name"
			w.say(private(5, "/start"))
			if *questions != 1 || w.saved != 0 || len(w.replies) != 1 {
				t.Errorf("asked %d times, saved %d times, %d answers", *questions, w.saved, len(w.replies))
			}
		})
	}
}

// Nobody makes the bot ask Telegram at will.
func TestQuestionsAboutUsernamesAreLimited(t *testing.T) {
	w, questions := asks(t, func() (string, error) { return `{"ok":true,"result":{"active_usernames":["second_name"]}}`, nil })
	for range 100 {
		w.say(private(5, "/start"))
	}
	one := *questions
	for chat := range int64(500) {
		w.say(private(1000+chat, "/start"))
	}
	if one == 0 || one > 5 || *questions > 40 {
		t.Errorf("%d questions for one person, %d for many", one, *questions)
	}
}
