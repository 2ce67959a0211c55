package sandbox

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// firstPersonID is the first id given to a person without one.
const firstPersonID = 5_000_000_000 // past 32 bits, as ids of new accounts are

// Person is somebody with a phone. Their private chat with any bot has the
// person's own id, as in Telegram.
type Person struct {
	ID           int64 // over 0
	FirstName    string
	LastName     string // optional
	Username     string // optional, without "@"
	LanguageCode string // optional, for example "en"
}

// person is a Person together with the state of the account.
type person struct {
	Person
	more        []string // usernames besides the first
	deactivated bool
}

// AddPerson registers a person and returns them. It fills in a missing id, and
// "Somebody" for a missing first name. A username of another person moves to the
// new one; a username of a bot is left out. Adding an id that exists replaces the
// names of that person.
func (t *Telegram) AddPerson(p Person) Person {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.FirstName == "" {
		p.FirstName = "Somebody"
	}
	for p.ID == 0 {
		t.lastID++
		if t.byID[t.lastID] == nil {
			p.ID = t.lastID
		}
	}
	known := t.byID[p.ID]
	if known == nil {
		known = &person{}
		t.people = append(t.people, known)
		t.byID[p.ID] = known
	}
	username := strings.TrimPrefix(p.Username, "@")
	p.Username = known.Username
	known.Person = p
	t.takeUsername(known, username)
	t.publish(Event{Kind: "person", Person: p.ID})
	return known.Person
}

// People lists everybody in order of arrival.
func (t *Telegram) People() []Person {
	t.mu.Lock()
	defer t.mu.Unlock()
	people := make([]Person, len(t.people))
	for i, p := range t.people {
		people[i] = p.Person
	}
	return people
}

// Person finds somebody by id.
func (t *Telegram) Person(id int64) (Person, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.byID[id]
	if p == nil {
		return Person{}, false
	}
	return p.Person, true
}

// personUsername is the form of a username: 4 to 32 letters, digits and
// underscores, beginning with a letter (4 since Fragment sells short ones).
var personUsername = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{3,31}$`)

// SetUsername gives a person a new username; "" gives the old one up. One that
// belongs to another person changes hands; one of a bot is refused.
func (t *Telegram) SetUsername(id int64, username string) error {
	username = strings.TrimPrefix(username, "@")
	if username != "" && !personUsername.MatchString(username) {
		return fmt.Errorf("set username: %q must have 4 to 32 letters, digits or underscores", username)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.active(id)
	if err != nil {
		return fmt.Errorf("set username: %w", err)
	}
	if t.botByID(t.usernames[strings.ToLower(username)]) != nil {
		return fmt.Errorf("set username: %q belongs to a bot", username)
	}
	t.takeUsername(p, username)
	t.publish(Event{Kind: "person", Person: id})
	return nil
}

// AddUsername gives a person one more username, which updates do not name; getChat does. A name that belongs to another person
// changes hands; one of a bot is refused.
func (t *Telegram) AddUsername(id int64, username string) error {
	if !personUsername.MatchString(username) {
		return fmt.Errorf("add username: %q must have 4 to 32 letters, digits or underscores", username)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.active(id)
	if err != nil {
		return fmt.Errorf("add username: %w", err)
	}
	if t.botByID(t.usernames[strings.ToLower(username)]) != nil {
		return fmt.Errorf("add username: %q belongs to a bot", username)
	}
	t.releaseUsername(username)
	p.more = append(p.more, username)
	t.usernames[strings.ToLower(username)] = id
	return nil
}

// releaseUsername takes a username away from the person who has it.
func (t *Telegram) releaseUsername(username string) {
	holder := t.byID[t.usernames[strings.ToLower(username)]]
	if holder == nil {
		return
	}
	holder.more = slices.DeleteFunc(holder.more, func(name string) bool { return strings.EqualFold(name, username) })
	if strings.EqualFold(holder.Username, username) {
		holder.Username = ""
		t.publish(Event{Kind: "person", Person: holder.ID})
	}
}

// SetLanguage sets the language of a person's Telegram, an IETF tag; "" hides it, as some clients do.
func (t *Telegram) SetLanguage(id int64, code string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.active(id)
	if err != nil {
		return fmt.Errorf("set language: %w", err)
	}
	p.LanguageCode = code
	t.publish(Event{Kind: "person", Person: id})
	return nil
}

// takeUsername moves a username to p, away from the person who had it, and
// releases the one p had. That of a bot cannot be taken.
func (t *Telegram) takeUsername(p *person, username string) {
	delete(t.usernames, strings.ToLower(p.Username))
	if t.botByID(t.usernames[strings.ToLower(username)]) != nil {
		username = ""
	}
	p.Username = ""
	if username == "" {
		return
	}
	t.releaseUsername(username)
	p.Username = username
	t.usernames[strings.ToLower(username)] = p.ID
}

// Deactivate deletes a person's account: bots that write to them get 403
// "user is deactivated", and the username becomes free. It cannot be undone.
func (t *Telegram) Deactivate(id int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.active(id)
	if err != nil {
		return fmt.Errorf("deactivate: %w", err)
	}
	p.deactivated = true
	t.takeUsername(p, "")
	t.publish(Event{Kind: "person", Person: id})
	return nil
}

// Deactivated reports whether a person has deleted their account.
func (t *Telegram) Deactivated(id int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.byID[id]
	return p != nil && p.deactivated
}

// active finds a person whose account still exists.
func (t *Telegram) active(id int64) (*person, error) {
	p := t.byID[id]
	switch {
	case p == nil:
		return nil, fmt.Errorf("%w: %d", ErrUnknownPerson, id)
	case p.deactivated:
		return nil, fmt.Errorf("%w: %d", ErrDeactivated, id)
	}
	return p, nil
}
