package delivery_test

import (
	"errors"
	"strings"
	"testing"

	"telegate/delivery"
)

func TestUsernamesArriveInOneForm(t *testing.T) {
	for _, typed := range []string{
		"alice", "@alice", "@@alice", " @alice ", "\talice\n", "t.me/alice", "T.me/alice", "https://t.me/alice", "HTTPS://T.ME/alice",
		"http://www.t.me/alice/", "https://telegram.me/alice", "telegram.dog/alice", "tg://resolve?domain=alice", "@https://t.me/alice",
		"@t.me/@alice", "alice.t.me", "https://alice.t.me/", "alice.T.me", "t.me/alice?text=hi", "https://t.me/alice/?profile",
		"tg://resolve?domain=alice&text=hi", "tg:resolve?domain=alice", "\u200e@alice", "@alice\u200b", "\ufeffalice", "ali\u200dce", "\u2066@alice\u2069",
		"t.me/alice?text=please+start", "\u00a0@alice\u202f", "＠alice", "＠ａｌｉｃｅ",
	} {
		if got, err := delivery.Username(typed); err != nil || got != "alice" {
			t.Errorf("%q became %q (%v)", typed, got, err)
		}
	}
	for _, name := range []string{"Alice_1", "abcd", "a" + strings.Repeat("b", 31)} {
		if got, err := delivery.Username("@" + name); err != nil || got != name {
			t.Errorf("%q became %q (%v)", name, got, err)
		}
	}
}

func TestWhatCannotBeAUsernameIsRefused(t *testing.T) {
	for _, typed := range []string{
		"", "@", "@@", "abc", "1alice", "_alice", "al ice", "alice!", "alice@t.me", "t.me/", "https://t.me/+AbCdEf", "t.me/c/1234",
		"https://example.org/alice", "https://t.me/alice/5", "t.me/alice?start=x", "álice", "alice.example.org", "https://alice", "alice?x=y", "t.me/alice.t.me", "https://t.me/alice?startgroup=x", "https://t.me/alice?a=b&START=x", "tg://resolve?domain=alice&start=x",
		"ȺȺȺȺȺȺȺ.t.me", "https://İİİİ.t.me", ".t.me", // letters whose lower case is longer
		"tg://resolve?domain=", "tg://resolve?domain=a b", "tg://join?invite=x", "Ⓐlice", "alic\u0435", "alice\x00",
		strings.Repeat("a", 33), strings.Repeat("@", 10_000), "-100123456", "+3412345678",
	} {
		if got, err := delivery.Username(typed); !errors.Is(err, delivery.ErrUsername) || got != "" {
			t.Errorf("%q became %q (%v)", typed, got, err)
		}
	}
}

func TestChatIdsArriveInOneForm(t *testing.T) {
	for typed, want := range map[string]int64{
		"5001": 5001, " @5001\n": 5001, "-1001234567890": -1001234567890, "\u200e5001\u200f": 5001, "\u00a0-100500\u200b": -100500, "٥٠٠١": 5001, "５００１": 5001,
	} {
		if id, ok := delivery.ChatID(typed); !ok || id != want {
			t.Errorf("%q became %d (%v)", typed, id, ok)
		}
	}
	for _, typed := range []string{"", "@", "-", "+5001", "50 01", "5001a", "alice", "0x10", "1e3", "5.0", "--5", "1234567890123456", "99999999999999999999"} {
		if id, ok := delivery.ChatID(typed); ok {
			t.Errorf("%q became %d", typed, id)
		}
	}
}
