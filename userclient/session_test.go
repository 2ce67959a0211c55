package userclient_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"telegate/userclient"
)

const (
	testToken = "2000000002:AAExampleExampleExampleExampleExample"
	testHash  = "0123456789abcdef0123456789abcdef"
)

// A key, and session strings of other programs with it.
var someKey = bytes.Repeat([]byte{0xab, 0xcd, 0x01, 0xff}, 64)

func gramJS(dc byte, address string, key []byte) string {
	b := binary.BigEndian.AppendUint16([]byte{dc}, uint16(len(address)))
	b = append(b, address...)
	b = binary.BigEndian.AppendUint16(b, 443)
	return "1" + base64.StdEncoding.EncodeToString(append(b, key...))
}

func telethon(dc byte, address, key []byte) string { return telethonPort(dc, address, 443, key) }

func telethonPort(dc byte, address []byte, port uint16, key []byte) string {
	b := binary.BigEndian.AppendUint16(append([]byte{dc}, address...), port)
	return "1" + base64.URLEncoding.EncodeToString(append(b, key...))
}

// rawKey is the key inside a session.
func rawKey(t testing.TB, s userclient.Session) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(s.Encode(), "telegate_"))
	if err != nil {
		t.Fatal(err)
	}
	return b[9 : 9+256]
}

var (
	ipv4 = []byte{149, 154, 167, 91}
	ipv6 = []byte{0x20, 0x01, 0x06, 0x7c, 0x04, 0xe8, 0xf0, 0x04, 0, 0, 0, 0, 0, 0, 0, 0x0a}
)

func TestSessionsOfOtherProgramsAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		format string
		dc     int
	}{
		"GramJS, an address as long as Telethon's IPv6 form": {gramJS(4, "149.154.167.91", someKey), userclient.FormatGramJS, 4},
		"GramJS, a shorter address":                          {gramJS(5, "91.108.56.1", someKey), userclient.FormatGramJS, 5},
		"GramJS, an IPv6 address":                            {gramJS(2, "2001:67c:4e8:f002::a", someKey), userclient.FormatGramJS, 2},
		"GramJS, a host name":                                {gramJS(1, "pluto.web.telegram.org", someKey), userclient.FormatGramJS, 1},
		"GramJS in base64url":                                {strings.NewReplacer("+", "-", "/", "_").Replace(gramJS(4, "149.154.167.91", someKey)), userclient.FormatGramJS, 4},
		"GramJS without padding":                             {strings.TrimRight(gramJS(4, "149.154.167.91", someKey), "="), userclient.FormatGramJS, 4},
		"Telethon, IPv4":                                     {telethon(2, ipv4, someKey), userclient.FormatTelethon, 2},
		"Telethon, IPv6":                                     {telethon(3, ipv6, someKey), userclient.FormatTelethon, 3},
		"blanks around it":                                   {"\n " + telethon(2, ipv4, someKey) + "\r\n", userclient.FormatTelethon, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := userclient.Decode(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if s.Format != c.format || s.DC != c.dc || !bytes.Equal(rawKey(t, s), someKey) {
				t.Errorf("%s, data centre %d", s.Format, s.DC)
			}
			own, err := userclient.Decode(s.Encode())
			if err != nil || own.Format != userclient.FormatOwn || own.DC != c.dc || !bytes.Equal(rawKey(t, own), someKey) {
				t.Errorf("its own form: %v, %v", own, err)
			}
		})
	}
}

func TestANearMissIsNamed(t *testing.T) {
	t.Parallel()
	g, te := gramJS(4, "149.154.167.91", someKey), telethon(2, ipv4, someKey)
	s, err := userclient.Decode(te)
	if err != nil {
		t.Fatal(err)
	}
	own := s.Encode()
	flipped := []byte(own)
	flipped[100] = map[bool]byte{true: 'B', false: 'A'}[flipped[100] == 'A']
	for name, c := range map[string]struct{ text, says string }{
		"nothing":                 {"", "empty"},
		"a bot token":             {testToken, "bot token"},
		"half a bot token":        {"2000000002:AAEx", "bot token"},
		"an apihash":              {testHash, "apihash"},
		"a phone number":          {"+34 600 000 001", "phone number"},
		"JSON":                    {`{"Version":1}`, "JSON"},
		"two lines":               {te[:100] + "\n" + te[100:], "line breaks"},
		"a sentence":              {"my-session!", "characters that no session has"},
		"Pyrogram":                {base64.RawURLEncoding.EncodeToString(append([]byte{2, 0, 0, 0, 0, 0}, append(bytes.Clone(someKey), make([]byte, 9)...)...)), "Pyrogram"},
		"old Pyrogram":            {base64.RawURLEncoding.EncodeToString(append([]byte{2, 0}, append(bytes.Clone(someKey), make([]byte, 9)...)...)), "Pyrogram"},
		"older Pyrogram":          {base64.RawURLEncoding.EncodeToString(append([]byte{2, 0}, append(bytes.Clone(someKey), make([]byte, 5)...)...)), "Pyrogram"},
		"mtcute":                  {base64.RawURLEncoding.EncodeToString(append([]byte{3, 0, 0, 0, 0, 1}, append(bytes.Clone(someKey), make([]byte, 40)...)...)), "sign in with telegate setup instead"},
		"as long as one":          {"A" + g[1:], "begins like none"},
		"short":                   {"abc", "too short"},
		"1 alone":                 {"1", "Telethon and was cut off"},
		"half of GramJS":          {g[:len(g)/2], "GramJS (MeshCentral) and was cut off"},
		"GramJS short of a few":   {g[:len(g)-5], "GramJS (MeshCentral) and was cut off"},
		"GramJS twice":            {strings.TrimRight(g, "=") + strings.TrimRight(g, "="), "bytes too many"},
		"half of Telethon":        {te[:len(te)/2], "Telethon and was cut off"},
		"Telethon short of a few": {te[:len(te)-7], "Telethon and was cut off"},
		"Telethon and more":       {strings.TrimRight(te, "=") + "AAAA", "where those have 263 or 275"},
		"half of our own":         {own[:len(own)/2], "telegate and was cut off"},
		"our own and more":        {own + "AAAA", "too many"},
		"our own with a typo":     {string(flipped), "a character in it is wrong"},
		"our prefix alone":        {"telegate_", "telegate and was cut off"},
		"data centre 77":          {telethon(77, ipv4, someKey), "data centre 77"},
		"another port":            {telethonPort(2, ipv4, 8443, someKey), "port 8443"},
		"IPv6 cut to IPv4":        {telethon(2, ipv6, someKey)[:1+351], "12 of its 275 bytes"},
		"no key":                  {telethon(2, ipv4, make([]byte, 256)), "has no key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := userclient.Decode(c.text)
			if !errors.Is(err, userclient.ErrSession) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error: %v", err)
			}
			if len(c.text) > 20 && strings.Contains(err.Error(), c.text[:20]) {
				t.Errorf("the error shows it: %v", err)
			}
		})
	}
}

// What comes along when a session is copied is taken off.
func TestWhatIsAroundASessionIsTakenOff(t *testing.T) {
	t.Parallel()
	g, te := gramJS(4, "149.154.167.91", someKey), telethon(2, ipv4, someKey)
	s, err := userclient.Decode(te)
	if err != nil {
		t.Fatal(err)
	}
	for _, session := range []string{g, te, s.Encode()} {
		for name, text := range map[string]string{
			"quotes": `"` + session + `"`, "single quotes": "'" + session + "'", "curly quotes": "“" + session + "”", "backticks": "`" + session + "`",
			"a BOM": "\ufeff" + session, "a BOM and quotes": "\ufeff\"" + session + "\"\r\n", "no-break spaces": "\u00a0" + session + "\u00a0",
			"a key": "session=" + session, "a key of TOML": `session = "` + session + `"`, "a key of JSON": `"SESSION"="` + session + `",`,
			"percent-encoding": url.QueryEscape(session), "percent-encoding by hand": strings.ReplaceAll(session, "=", "%3d"),
		} {
			got, err := userclient.Decode(text)
			if err != nil || !bytes.Equal(rawKey(t, got), someKey) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name, text := range map[string]string{"quotes alone": `""`, "a key alone": "session=", "half an escape": g + "%2", "another key": "token=" + g} {
		if _, err := userclient.Decode(text); !errors.Is(err, userclient.ErrSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A session of Telegram's test servers looks like any other and knows no real account.
func TestASessionOfTheTestServersIsNamed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"Telethon, DC 2": telethon(2, []byte{149, 154, 167, 40}, someKey), "Telethon, DC 1": telethon(1, []byte{149, 154, 175, 10}, someKey),
		"Telethon, IPv6": telethon(2, append(bytes.Clone(ipv6[:7]), 2, 0, 0, 0, 0, 0, 0, 0, 0x0e), someKey),
		"GramJS, DC 2":   gramJS(2, "149.154.167.40", someKey), "GramJS, IPv6": gramJS(2, "2001:067c:04e8:f002:0000:0000:0000:000e", someKey),
	} {
		if _, err := userclient.Decode(text); !errors.Is(err, userclient.ErrSession) || !strings.Contains(err.Error(), "test servers") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A session that is cut off anywhere is never accepted.
func TestNoCutOffSessionIsRead(t *testing.T) {
	t.Parallel()
	s, err := userclient.Decode(telethon(2, ipv4, someKey))
	if err != nil {
		t.Fatal(err)
	}
	for _, whole := range []string{gramJS(4, "149.154.167.91", someKey), gramJS(4, "149.154.167.100", someKey), telethon(2, ipv4, someKey), telethon(2, ipv6, someKey), s.Encode()} {
		bare := strings.TrimRight(whole, "=")
		for n := range len(bare) - 1 {
			if s, err := userclient.Decode(bare[:n]); err == nil {
				t.Errorf("%d of %d characters are read as one of %s", n, len(bare), s.Format)
			}
		}
	}
}

func TestASessionIsNotPrinted(t *testing.T) {
	t.Parallel()
	s, err := userclient.Decode(telethon(2, ipv4, someKey))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), fmt.Sprintf("%+v", userclient.SignedIn{Session: s})} {
		if strings.Contains(text, "171") || strings.Contains(strings.ToLower(text), "abcd") || strings.Contains(text, "0xab") {
			t.Errorf("it prints as %s", text)
		}
	}
}

func TestWhatStandsWhereABotTokenBelongs(t *testing.T) {
	t.Parallel()
	if err := userclient.CheckToken(" " + testToken + "\n"); err != nil {
		t.Errorf("a token: %v", err)
	}
	s, err := userclient.Decode(telethon(2, ipv4, someKey))
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		"": "empty", "@BotFather": "username", "2000000002:AAEx": "cut off", testHash: "apihash", "hello": "a number, a colon",
		gramJS(4, "149.154.167.91", someKey): "session", s.Encode(): "session", s.Encode()[:50]: "session",
		telethon(2, ipv4, someKey)[:350]: "session",
	} {
		if err := userclient.CheckToken(text); !errors.Is(err, userclient.ErrToken) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(gramJS(4, "149.154.167.91", someKey))
	f.Add(telethon(2, ipv4, someKey))
	f.Add(telethon(2, ipv6, someKey))
	f.Add("telegate_AAAA")
	f.Add(testToken)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := userclient.Decode(text)
		if err != nil {
			if !errors.Is(err, userclient.ErrSession) {
				t.Errorf("error: %v", err)
			}
			return
		}
		again, err := userclient.Decode(s.Encode())
		if err != nil || again.DC != s.DC || again.UserID != s.UserID || !bytes.Equal(rawKey(t, again), rawKey(t, s)) {
			t.Errorf("%v becomes %v, %v", s, again, err)
		}
	})
}
