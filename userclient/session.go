package userclient

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// ErrSession: the text is not a usable session. The wrapping error says what the text seems to be, and never shows it.
var ErrSession = errors.New("not a session")

// Formats of session strings.
const (
	FormatOwn      = "telegate"
	FormatGramJS   = "GramJS (MeshCentral)"
	FormatTelethon = "Telethon"
)

// Session is a login of a Telegram account. It gives full access to the account.
type Session struct {
	Format string // of the session string
	DC     int    // the account's data centre, 1 to 5
	UserID int64  // the account's id; 0 if the format does not contain it
	key    [keySize]byte
}

const (
	keySize   = 256
	ownPrefix = "telegate_"
	checkSize = 4 // bytes of a digest that detect a damaged string
	ownSize   = 1 + 8 + keySize + checkSize
)

// Encode writes the session in telegate's own format: "telegate_" and base64url of the data centre (1 byte), the user id (8),
// the key (256) and the first 4 bytes of their SHA-256.
func (s Session) Encode() string {
	b := make([]byte, 0, ownSize)
	b = append(b, byte(s.DC))
	b = binary.BigEndian.AppendUint64(b, uint64(s.UserID))
	b = append(b, s.key[:]...)
	sum := sha256.Sum256(b)
	return ownPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:checkSize]...))
}

// String shows no part of the key.
func (s Session) String() string { return s.Format + " session" }

// GoString shows no part of the key either.
func (s Session) GoString() string { return s.String() }

// What people paste instead of a session.
var (
	tokenShape     = regexp.MustCompile(`^[0-9]{6,12}:[A-Za-z0-9_-]{30,}$`)
	nearTokenShape = regexp.MustCompile(`^[0-9]{6,12}:`)
	phoneShape     = regexp.MustCompile(`^\+?[0-9 ()-]{7,20}$`)
	base64Shape    = regexp.MustCompile(`^[A-Za-z0-9+/_-]+={0,2}$`)
)

// Decode reads a session string of telegate, of GramJS, which MeshCentral uses, or of Telethon. Anything else is an
// ErrSession that says what it seems to be.
func Decode(text string) (Session, error) {
	text = unwrap(text)
	switch {
	case text == "":
		return Session{}, notSession("it is empty")
	case nearTokenShape.MatchString(text):
		return Session{}, notSession("this is a bot token, which belongs into bottoken")
	case apiHashShape.MatchString(text):
		return Session{}, notSession("this is an apihash")
	case phoneShape.MatchString(text):
		return Session{}, notSession("this is a phone number or an apiid")
	case strings.HasPrefix(text, "{"):
		return Session{}, notSession("this is JSON, such as gotd keeps; sign in with telegate setup instead")
	case strings.HasPrefix(text, ownPrefix):
		return decodeOwn(text[len(ownPrefix):])
	case strings.ContainsAny(text, " \t\r\n"):
		return Session{}, notSession("it has blanks or line breaks inside; a session is one line")
	case !base64Shape.MatchString(text):
		return Session{}, notSession("it has characters that no session has")
	case text[0] != '1':
		return Session{}, unknownFormat(text)
	default:
		return decodeImported(text[1:])
	}
}

// unwrap takes off what comes along when a session is copied out of a file, a program or an address.
func unwrap(text string) string {
	const around = " \t\r\n\u00a0\ufeff\u200b\"'`“”‘’«»,;"
	text = strings.Trim(text, around)
	if name, value, ok := strings.Cut(text, "="); ok && strings.EqualFold(strings.Trim(name, around), "session") {
		text = strings.Trim(value, around)
	}
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	return text
}

func notSession(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrSession}, args...)...)
}

// unbase64 reads both alphabets, with or without padding. A cut-off text often ends with one character too many; unbase64
// drops it, so that the length is known.
func unbase64(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	return base64.RawURLEncoding.DecodeString(text)
}

func decodeOwn(text string) (Session, error) {
	b, err := unbase64(text)
	if err != nil {
		return Session{}, notSession("it begins like one of telegate and has characters that none has")
	}
	if len(b) != ownSize {
		return Session{}, notSession("it begins like one of telegate and %s", sizeFault(len(b), ownSize))
	}
	sum := sha256.Sum256(b[:ownSize-checkSize])
	if !bytes.Equal(sum[:checkSize], b[ownSize-checkSize:]) {
		return Session{}, notSession("it begins like one of telegate and a character in it is wrong; copy it again")
	}
	return newSession(FormatOwn, int(b[0]), int64(binary.BigEndian.Uint64(b[1:9])), b[9:9+keySize])
}

// decodeImported distinguishes GramJS and Telethon by the content: both begin with "1" and can have the same length.
// GramJS: dc(1), length of the address(2), address as text, port(2), key(256) in standard base64.
// Telethon: dc(1), address as 4 or 16 bytes, port(2), key(256) in base64url.
func decodeImported(text string) (Session, error) {
	b, err := unbase64(text)
	if err != nil {
		return Session{}, notSession("it begins like one of GramJS or Telethon and is no base64")
	}
	if len(b) > 3 {
		n := int(binary.BigEndian.Uint16(b[1:3]))
		if address := b[3:]; n >= 1 && n <= 100 && isAddress(address[:min(n, len(address))]) {
			if want := 1 + 2 + n + 2 + keySize; len(b) != want {
				return Session{}, notSession("it begins like one of GramJS (MeshCentral) and %s", sizeFault(len(b), want))
			}
			if ip, err := netip.ParseAddr(strings.Trim(string(address[:n]), "[]")); err == nil && isTestServer(ip) {
				return Session{}, notSession(sayTestServer)
			}
			return newSession(FormatGramJS, int(b[0]), 0, b[len(b)-keySize:])
		}
	}
	const v4, v6 = 1 + 4 + 2 + keySize, 1 + 16 + 2 + keySize
	switch {
	case len(b) == v4 && !isPort(b[5:7]) && b[1] == 0x20 && b[2] <= 1: // the length for IPv4, but the content is a longer one for IPv6
		return Session{}, notSession("it begins like one of Telethon and %s", sizeFault(len(b), v6))
	case len(b) == v4 && !isPort(b[5:7]):
		return Session{}, notSession("it looks like one of Telethon for port %d, where Telegram has 443, 80 and 5222: it is damaged or of another server; "+
			"copy it again, or sign in with telegate setup", binary.BigEndian.Uint16(b[5:7]))
	case (len(b) == v4 || len(b) == v6) && isTestServer(addressOf(b[1:len(b)-keySize-2])):
		return Session{}, notSession(sayTestServer)
	case len(b) == v4 || len(b) == v6:
		return newSession(FormatTelethon, int(b[0]), 0, b[len(b)-keySize:])
	case len(b) < v4:
		return Session{}, notSession("it begins like one of Telethon and %s", sizeFault(len(b), v4))
	default:
		return Session{}, notSession("it begins like one of Telethon and has %d bytes, where those have %d or %d; copy it again", len(b), v4, v6)
	}
}

const sayTestServer = "this is a session of Telegram's test servers, which know no real account; sign in with telegate setup instead"

// testServers are the addresses of Telegram's test data centres.
var testServers = []string{"149.154.175.10", "149.154.167.40", "149.154.175.117", "2001:b28:f23d:f001::e", "2001:67c:4e8:f002::e", "2001:b28:f23d:f003::e"}

func isTestServer(ip netip.Addr) bool { return slices.Contains(testServers, ip.Unmap().String()) }

// addressOf reads an address of 4 or 16 bytes.
func addressOf(b []byte) netip.Addr {
	ip, _ := netip.AddrFromSlice(b)
	return ip
}

// isAddress reports whether b may be the start of an address: GramJS stores IP addresses and host names.
func isAddress(b []byte) bool {
	return len(bytes.Trim(b, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-[]")) == 0
}

// isPort reports whether b is a port of Telegram's data centres.
func isPort(b []byte) bool {
	port := binary.BigEndian.Uint16(b)
	return port == 443 || port == 80 || port == 5222
}

func sizeFault(have, want int) string {
	if have < want {
		return fmt.Sprintf("was cut off: %d of its %d bytes are missing; copy it again", want-have, want)
	}
	return fmt.Sprintf("has %d bytes too many; copy it again", have-want)
}

// unknownFormat recognizes the sessions of other libraries.
func unknownFormat(text string) error {
	b, err := unbase64(text)
	switch {
	// dc, api id (4; not in old versions), test, key (256), user id (8, in old versions 4), is bot
	case err == nil && (len(b) == 271 || len(b) == 267 || len(b) == 263) && b[0] >= 1 && b[0] <= 5:
		return notSession("it seems to be one of Pyrogram, which telegate does not read; sign in with telegate setup instead")
	case err == nil && len(b) >= keySize:
		return notSession("it is as long as one and begins like none (perhaps one of mtcute or another library); one of GramJS or Telethon begins with 1, "+
			"one of telegate with %s; sign in with telegate setup instead", ownPrefix)
	default:
		return notSession("it is too short and begins like none; one of GramJS or Telethon begins with 1, one of telegate with %s", ownPrefix)
	}
}

func newSession(format string, dc int, userID int64, key []byte) (Session, error) {
	s := Session{Format: format, DC: dc, UserID: userID}
	copy(s.key[:], key)
	switch {
	case dc < 1 || dc > 5:
		return Session{}, notSession("it looks like one of %s and names data centre %d, where Telegram has 1 to 5; copy it again", format, dc)
	case s.key == [keySize]byte{}:
		return Session{}, notSession("it looks like one of %s and has no key: nobody has signed in with it", format)
	}
	return s, nil
}

// ErrToken: the text is not a bot token.
var ErrToken = errors.New("not a bot token")

// CheckToken returns nil for a bot token; otherwise the error says what the text seems to be.
func CheckToken(text string) error {
	text = strings.TrimSpace(text)
	_, err := Decode(text)
	switch {
	case tokenShape.MatchString(text):
		return nil
	case text == "":
		return fmt.Errorf("%w: it is empty", ErrToken)
	case err == nil, strings.HasPrefix(text, ownPrefix), len(text) > 300 && base64Shape.MatchString(text):
		return fmt.Errorf("%w: this is a session, which belongs into session", ErrToken)
	case apiHashShape.MatchString(text):
		return fmt.Errorf("%w: this is an apihash", ErrToken)
	case nearTokenShape.MatchString(text):
		return fmt.Errorf("%w: it begins like one and was cut off or damaged; copy it again from @BotFather", ErrToken)
	case strings.HasPrefix(text, "@"):
		return fmt.Errorf("%w: this is a username; @BotFather shows the token under /mybots, API Token", ErrToken)
	default:
		return fmt.Errorf("%w: @BotFather gives out a number, a colon and about 35 letters", ErrToken)
	}
}
