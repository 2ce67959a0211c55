package web

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"telegate/sandbox"
)

// shownMessages is how many messages of a chat a phone shows: the newest.
const shownMessages = 100

// maxPeople is the maximum number of people in the simulation.
const maxPeople = 50

// phone is what one person sees of the bot, and the state of their account.
type phone struct {
	ID       int64     `json:"id"`
	Key      string    `json:"key"` // stable and readable: "alice"; the value of data-phone
	Name     string    `json:"name"`
	Username string    `json:"username,omitempty"`
	Language string    `json:"language,omitempty"`
	Started  bool      `json:"started"`
	Blocked  bool      `json:"blocked"`
	Deleted  bool      `json:"deleted"`
	Messages []message `json:"messages"`
}

type message struct {
	ID       int        `json:"id"`
	FromBot  bool       `json:"from_bot"`
	Text     string     `json:"text"`
	Entities []entity   `json:"entities,omitempty"`
	Buttons  [][]button `json:"buttons,omitempty"`
	Document *document  `json:"document,omitempty"`
	Date     time.Time  `json:"date"`
	Edited   bool       `json:"edited,omitempty"`
	Silent   bool       `json:"silent,omitempty"`
}

type entity struct {
	Type     string `json:"type"`
	Offset   int    `json:"offset"` // in UTF-16 units, as in JavaScript strings
	Length   int    `json:"length"`
	URL      string `json:"url,omitempty"`
	Language string `json:"language,omitempty"`
}

// button leaves out the callback data: only the bot has use for it.
type button struct {
	Text     string `json:"text"`
	URL      string `json:"url,omitempty"`
	CopyText string `json:"copy_text,omitempty"`
	Style    string `json:"style,omitempty"`
}

type document struct {
	FileName string `json:"file_name"`
	Size     int    `json:"size"` // in bytes
}

// phones lists everybody's phone in order of arrival.
func (s *Server) phones() []phone {
	people := s.telegram.People()
	phones := make([]phone, len(people))
	taken := map[string]bool{}
	for i, p := range people {
		key := slug(p.FirstName)
		if key == "" || taken[key] {
			key = strings.TrimPrefix(key+"-"+strconv.FormatInt(p.ID, 10), "-")
		}
		taken[key] = true
		phones[i] = phone{
			ID:       p.ID,
			Key:      key,
			Name:     strings.TrimSpace(p.FirstName + " " + p.LastName),
			Username: p.Username,
			Language: p.LanguageCode,
			Started:  s.telegram.Started(p.ID, s.bot),
			Blocked:  s.telegram.Blocked(p.ID, s.bot),
			Deleted:  s.isDeleted(p.ID),
			Messages: s.messages(p.ID),
		}
	}
	return phones
}

// slug keeps the letters and digits of a name, in lower case.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// usernameOf is a username for somebody of that name. None has fewer than four characters.
func usernameOf(name string) string {
	username := slug(name)
	if len(username) < 4 {
		username += "_tg"
	}
	return username
}

func (s *Server) messages(person int64) []message {
	all := s.telegram.Messages(person, s.bot)
	all = all[max(0, len(all)-shownMessages):]
	shown := make([]message, len(all))
	for i, m := range all {
		shown[i] = message{ID: m.ID, FromBot: m.FromBot, Text: m.Text, Date: m.Date, Edited: m.Edited, Silent: m.Silent}
		for _, e := range m.Entities {
			shown[i].Entities = append(shown[i].Entities, entity{Type: e.Type, Offset: e.Offset, Length: e.Length, URL: e.URL, Language: e.Language})
		}
		for _, row := range m.Buttons {
			buttons := make([]button, len(row))
			for j, b := range row {
				buttons[j] = button{Text: b.Text, URL: b.URL, CopyText: b.CopyText, Style: b.Style}
			}
			shown[i].Buttons = append(shown[i].Buttons, buttons)
		}
		if m.Document != nil {
			shown[i].Document = &document{FileName: m.Document.FileName, Size: m.Document.Size}
		}
	}
	return shown
}

// chatName is the name of a chat in the list of calls; "" for no chat.
func (s *Server) chatName(id int64) string {
	if p, ok := s.telegram.Person(id); ok {
		return p.FirstName
	}
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

func (s *Server) usernameTaken(username string) bool {
	return slices.ContainsFunc(s.telegram.People(), func(p sandbox.Person) bool { return strings.EqualFold(p.Username, username) })
}

// handleAddPerson adds a person with a phone and returns the phone. The username
// is made from the name, if it is free.
func (s *Server) handleAddPerson(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	name := strings.TrimSpace(in.Name)
	switch {
	case name == "":
		return missing("name")
	case utf8.RuneCountInString(name) > 64: // Telegram's limit of a first name
		return newProblem(http.StatusUnprocessableEntity, "Name too long", "A first name has at most 64 characters.")
	case len(s.telegram.People()) >= maxPeople:
		return newProblem(http.StatusConflict, "Too many people", fmt.Sprintf("The sandbox has room for %d people. Restart it to start again.", maxPeople))
	}
	p := s.telegram.AddPerson(sandbox.Person{FirstName: name, LanguageCode: "en"})
	if username := usernameOf(name); !s.usernameTaken(username) {
		// A name that cannot be a username leaves its owner without one.
		_ = s.telegram.SetUsername(p.ID, username)
	}
	return s.writePhone(w, p.ID)
}

// handleStart presses Start, and Restart after a block.
func (s *Server) handleStart(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, nil, func(person int64) error { return s.telegram.Start(person, s.bot, "") })
}

// handleOpen opens a t.me or tg: link and presses the Start button it leads to.
func (s *Server) handleOpen(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Link string `json:"link"`
	}
	return s.act(w, r, &in, func(person int64) error {
		if in.Link == "" {
			return missing("link")
		}
		return s.telegram.Open(person, in.Link)
	})
}

func (s *Server) handleSay(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Text string `json:"text"`
	}
	return s.act(w, r, &in, func(person int64) error {
		if strings.TrimSpace(in.Text) == "" {
			return missing("text")
		}
		_, err := s.telegram.Say(person, s.bot, in.Text)
		return err
	})
}

func (s *Server) handleTap(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		MessageID int    `json:"message_id"`
		Button    string `json:"button"` // its label
	}
	return s.act(w, r, &in, func(person int64) error {
		if in.MessageID == 0 {
			return missing("message_id")
		}
		if in.Button == "" {
			return missing("button")
		}
		return s.telegram.Tap(person, s.bot, in.MessageID, in.Button)
	})
}

func (s *Server) handleBlock(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, nil, func(person int64) error { return s.telegram.Block(person, s.bot) })
}

func (s *Server) handleUnblock(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, nil, func(person int64) error { return s.telegram.Unblock(person, s.bot) })
}

func (s *Server) handleUsername(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string `json:"username"` // "" gives it up
	}
	return s.act(w, r, &in, func(person int64) error { return s.telegram.SetUsername(person, in.Username) })
}

// languageTag is what a Telegram client may send as language_code.
var languageTag = regexp.MustCompile(`^([A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3})?$`)

func (s *Server) handleLanguage(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Language string `json:"language"` // "" hides it
	}
	return s.act(w, r, &in, func(person int64) error {
		if !languageTag.MatchString(in.Language) {
			return newProblem(http.StatusUnprocessableEntity, "Not a language", "A language is a tag such as de, pt-br or zh-hans.")
		}
		return s.telegram.SetLanguage(person, in.Language)
	})
}

func (s *Server) handleDeleteAccount(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, nil, func(person int64) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.telegram.Deactivate(person)
		if err == nil {
			s.deleted[person] = true
		}
		return err
	})
}

func (s *Server) isDeleted(person int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleted[person]
}

// act reads the body into in (nil: no body), does something on the phone of the
// person in the path, and returns that phone.
func (s *Server) act(w http.ResponseWriter, r *http.Request, in any, do func(person int64) error) error {
	person, err := s.person(r)
	if err != nil {
		return err
	}
	if in != nil {
		if err := readJSON(w, r, in); err != nil {
			return err
		}
	}
	if err := do(person); err != nil {
		return phoneProblem(err)
	}
	return s.writePhone(w, person)
}

// person is the id in the path; a 404 if it does not exist.
func (s *Server) person(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("person"), 10, 64)
	if err == nil {
		if _, known := s.telegram.Person(id); known {
			return id, nil
		}
	}
	return 0, phoneProblem(sandbox.ErrUnknownPerson)
}

func (s *Server) writePhone(w http.ResponseWriter, person int64) error {
	for _, p := range s.phones() {
		if p.ID == person {
			return writeJSON(w, p)
		}
	}
	return phoneProblem(sandbox.ErrUnknownPerson)
}

// refusals are the answers to errors of the phone.
var refusals = []struct {
	err    error
	status int
	detail string
}{
	{sandbox.ErrUnknownPerson, http.StatusNotFound, "There is no person with this number in the sandbox."},
	{sandbox.ErrNoMessage, http.StatusNotFound, "This message no longer exists."},
	{sandbox.ErrNoButton, http.StatusConflict, "This button no longer exists."},
	{sandbox.ErrNotStarted, http.StatusConflict, "Press Start first."},
	{sandbox.ErrBlocked, http.StatusConflict, "The bot is blocked on this phone. Unblock it first."},
	{sandbox.ErrDeactivated, http.StatusConflict, "This account was deleted."},
	{sandbox.ErrNotCallback, http.StatusUnprocessableEntity, "This button opens or copies something and sends the bot nothing."},
	{sandbox.ErrNoLink, http.StatusUnprocessableEntity, "This link does not open a bot. Links to bots begin with https://t.me/ or tg://resolve."},
	{sandbox.ErrUnknownBot, http.StatusUnprocessableEntity, "There is no bot with this name in the sandbox."},
}

// phoneProblem says why a phone refused.
func phoneProblem(err error) error {
	var p *problem
	if errors.As(err, &p) {
		return err
	}
	const title = "Not possible on this phone"
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return newProblem(r.status, title, r.detail)
		}
	}
	return newProblem(http.StatusUnprocessableEntity, title, err.Error()) // about what was typed in
}

// handleDocument downloads the file of a message.
func (s *Server) handleDocument(w http.ResponseWriter, r *http.Request) error {
	person, err := s.person(r)
	if err != nil {
		return err
	}
	for _, m := range s.telegram.Messages(person, s.bot) {
		if m.Document == nil || strconv.Itoa(m.ID) != r.PathValue("message") {
			continue
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.Document.FileName}))
		_, _ = w.Write(m.Document.Content)
		return nil
	}
	return phoneProblem(sandbox.ErrNoMessage)
}
