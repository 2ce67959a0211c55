package notify_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"telegate/linking"
	"telegate/notify"
)

// topics makes the service of topics.
func (w *world) topics() *notify.Topics {
	return notify.NewTopics(w.DB, w.DB.MACKey("topic"), w.Clock.Now)
}

// linked links a user and answers the link's id.
func (w *world) linked(user string, chat linking.Chat) string {
	w.T.Helper()
	w.link("", user, chat)
	l, err := w.links.Current(w.T.Context(), "", user)
	w.NoError("current link", err)
	return l.ID
}

func (w *world) wantOwner(topics *notify.Topics, topic, want string) {
	w.T.Helper()
	_, user, err := topics.Owner(w.T.Context(), topic)
	if user != want || want != "" && err != nil || want == "" && !errors.Is(err, notify.ErrNoTopic) {
		w.T.Errorf("the topic is %q's, %v; want %q", user, err, want)
	}
}

func TestATopicReachesTheUserItBelongsTo(t *testing.T) {
	w := newWorld(t)
	link, other := w.linked("alice", alice), w.linked("bob", bob)
	topics := w.topics()
	topic, err := topics.Of(t.Context(), link)
	w.NoError("topic", err)
	if !regexp.MustCompile(`^[a-z2-7]{32}$`).MatchString(topic) { // 160 bits, and what ntfy takes for a topic
		t.Errorf("topic %q", topic)
	}
	again, err := w.topics().Of(t.Context(), link) // also after a restart
	w.NoError("topic", err)
	bobs, err := topics.Of(t.Context(), other)
	w.NoError("topic", err)
	if again != topic || bobs == topic {
		t.Errorf("%q, then %q; bob's is %q", topic, again, bobs)
	}
	for _, typed := range []string{topic, " " + topic + "\n", strings.ToUpper(topic)} {
		w.wantOwner(topics, typed, "alice")
	}
	w.wantOwner(topics, bobs, "bob")
	for _, none := range []string{"", topic[1:], topic + "a", link, "alice", "%"} {
		w.wantOwner(topics, none, "")
	}
}

func TestANewTopicVoidsTheOldOne(t *testing.T) {
	w := newWorld(t)
	link, topics := w.linked("alice", alice), w.topics()
	seen := map[string]bool{}
	next := func(f func() (string, error)) string {
		t.Helper()
		topic, err := f()
		w.NoError("topic", err)
		if seen[topic] {
			t.Error("a topic came back")
		}
		for old := range seen {
			w.wantOwner(topics, old, "")
		}
		seen[topic] = true
		w.wantOwner(topics, topic, "alice")
		return topic
	}
	next(func() (string, error) { return topics.Of(t.Context(), link) })
	next(func() (string, error) { return topics.Renew(t.Context(), link) })
	w.NoError("off", topics.Off(t.Context(), link))
	w.NoError("off again", topics.Off(t.Context(), link))
	for old := range seen {
		w.wantOwner(topics, old, "")
	}
	next(func() (string, error) { return topics.Of(t.Context(), link) })
	trace, err := w.messages.Trace(t.Context(), notify.TraceQuery{User: "alice", Until: w.Clock.Now().Add(time.Hour), Limit: 100})
	w.NoError("trace", err)
	var told []string
	for _, e := range trace.Events {
		if e.Event == "topic.made" {
			told = append(told, e.Outcome)
			if seen[e.ID] || e.ID != link {
				t.Errorf("the trace names %q", e.ID)
			}
		}
	}
	if got := strings.Join(told, " "); got != "first anew off first" {
		t.Errorf("the trace has %q", got)
	}
}

func TestATopicEndsWithItsLink(t *testing.T) {
	w := newWorld(t)
	link, topics := w.linked("alice", alice), w.topics()
	topic, err := topics.Of(t.Context(), link)
	w.NoError("topic", err)
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID)) // suspended: still hers
	w.wantOwner(topics, topic, "alice")
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.wantOwner(topics, topic, "")
	for name, f := range map[string]func() (string, error){
		"of":    func() (string, error) { return topics.Of(t.Context(), "lnk_none") },
		"renew": func() (string, error) { return topics.Renew(t.Context(), link) },
	} {
		if _, err := f(); !errors.Is(err, notify.ErrNoTopic) {
			t.Errorf("%s without a link: %v", name, err)
		}
	}
	if fresh, err := topics.Of(t.Context(), w.linked("alice", alice)); err != nil || fresh == topic {
		t.Errorf("linked anew: %q, %v", fresh, err)
	}
}

func TestATopicTakesAsManyMessagesAsNtfyDoes(t *testing.T) {
	w := newWorld(t)
	topics := w.topics()
	for i := range notify.TopicBurst {
		if err := topics.Allow("a"); err != nil {
			t.Fatalf("message %d: %v", i+1, err)
		}
	}
	for range 3 { // asking in vain makes nobody wait longer
		var busy *notify.TopicBusyError
		if err := topics.Allow("A"); !errors.As(err, &busy) || busy.RetryAfter != notify.TopicEvery {
			t.Errorf("one too many: %v", err)
		}
	}
	w.NoError("another topic", topics.Allow("b"))
	w.Clock.Advance(notify.TopicEvery)
	w.NoError("a while later", topics.Allow("a"))
	if topics.Allow("a") == nil {
		t.Error("and one more")
	}
}

// Each new topic makes an entry in the audit, so nobody can make them without end. The topic there is goes on.
func TestNewTopicsOfALinkAreLimited(t *testing.T) {
	w := newWorld(t)
	link, topics := w.linked("alice", alice), w.topics()
	last, err := topics.Of(t.Context(), link)
	w.NoError("topic", err)
	for range notify.RenewBurst {
		last, err = topics.Renew(t.Context(), link)
		w.NoError("renew", err)
	}
	for range 3 {
		if _, err := topics.Renew(t.Context(), link); !errors.Is(err, notify.ErrTooManyTopics) {
			t.Errorf("one more: %v", err)
		}
	}
	w.wantOwner(topics, last, "alice")
	if _, err := topics.Renew(t.Context(), w.linked("bob", bob)); err != nil {
		t.Errorf("another link's: %v", err)
	}
	w.Clock.Advance(notify.RenewEvery)
	if _, err := topics.Renew(t.Context(), link); err != nil {
		t.Errorf("after %v: %v", notify.RenewEvery, err)
	}
}
