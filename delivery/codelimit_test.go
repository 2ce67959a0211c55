package delivery_test

import (
	"fmt"
	"testing"
	"time"

	"telegate/delivery"
)

var codeLimit = delivery.CodeLimit{PerUser: 3, PerChat: 8, Reserve: 2, Span: 10 * time.Minute}

// asked are codes of users, one a second; the last one was sent a second before now.
func asked(users ...string) (sent []delivery.SentCode, now time.Time) {
	now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for _, user := range users {
		sent = append(sent, delivery.SentCode{Domain: "corp", User: user, Sent: now})
		now = now.Add(time.Second)
	}
	return sent, now
}

func TestEachUserHasAShareOfTheCodesOfAChat(t *testing.T) {
	const ten = 10 * time.Minute
	for _, tt := range []struct {
		name  string
		sent  []string
		user  string
		wait  time.Duration
		limit int
	}{
		{"the first", nil, "a", 0, 0},
		{"within the share", []string{"a", "a"}, "a", 0, 0},
		{"over the share", []string{"a", "a", "a"}, "a", ten - 3*time.Second, 3},
		{"another's share is used up", []string{"a", "a", "a"}, "b", 0, 0},
		{"nobody is a user of its own", []string{"", "", ""}, "", ten - 3*time.Second, 3},
		{"nobody's share is not a user's", []string{"", "", ""}, "a", 0, 0},
		{"before the reserve", []string{"b", "a", "a", "a", "b"}, "b", 0, 0},
		{"the reserve is not for a second code", []string{"b", "a", "a", "a", "c", "c"}, "b", ten - 6*time.Second, 8},
		{"the reserve is for a first code", []string{"a", "a", "a", "b", "b", "b"}, "c", 0, 0},
		{"the last of the reserve", []string{"a", "a", "a", "b", "b", "b", "c"}, "d", 0, 0},
		{"the chat has had enough", []string{"a", "a", "a", "b", "b", "b", "c", "d"}, "e", ten - 8*time.Second, 8},
		{"it waits until it is below the reserve", []string{"a", "a", "a", "b", "b", "c", "d", "e"}, "c", ten - 6*time.Second, 8},
	} {
		sent, now := asked(tt.sent...)
		if wait, limit := codeLimit.Wait(sent, "corp", tt.user, now); wait != tt.wait || limit != tt.limit {
			t.Errorf("%s: wait %v by %d, want %v by %d", tt.name, wait, limit, tt.wait, tt.limit)
		}
	}
	sent, now := asked("a", "a", "a")
	if wait, _ := codeLimit.Wait(sent, "", "a", now); wait != 0 {
		t.Errorf("the same name in another domain waits %v", wait)
	}
}

// However many ask, and in whatever order, the chat gets PerChat codes at most, and each wait ends with a code.
func TestNoOrderOfRequestsFloodsAChatOrWaitsTooLong(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	var sent []delivery.SentCode
	for i := range 500 {
		user := fmt.Sprint(i * i % 11)
		wait, _ := codeLimit.Wait(sent, "", user, now)
		now = now.Add(wait)
		for len(sent) > 0 && !sent[0].Sent.After(now.Add(-codeLimit.Span)) {
			sent = sent[1:]
		}
		if again, _ := codeLimit.Wait(sent, "", user, now); again != 0 {
			t.Fatalf("request %d waited %v, and has to wait another %v", i, wait, again)
		}
		if sent = append(sent, delivery.SentCode{User: user, Sent: now}); len(sent) > codeLimit.PerChat {
			t.Fatalf("request %d is code %d in %v", i, len(sent), codeLimit.Span)
		}
		now = now.Add(time.Duration(i%7) * time.Second)
	}
}
