package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/api"
	"telegate/sandbox"
)

const (
	kills      = 5
	killPeople = 10
)

// A SIGKILL in the middle of work loses neither an accepted message nor an update: whatever the API has answered 202
// arrives after the restart, and whoever opened a link is asked about it. A message comes twice only if it was on its
// way at the kill.
func TestKillLosesNothing(t *testing.T) {
	w := newWorld(t)
	k := &killer{process: newProcess(w), accepted: map[string]string{}}
	for i := range killPeople {
		name := fmt.Sprintf("p%d", i)
		w.telegram.AddPerson(sandbox.Person{FirstName: name, Username: name + "_tg"})
		k.people = append(k.people, name)
	}
	k.up()
	for _, name := range k.people {
		w.link("", name)
	}
	for round := range kills {
		questions := k.workUntilKilled(round)
		k.up()
		for _, name := range questions {
			w.message(name, "Connect this Telegram chat", 0)
		}
	}
	w.eventually("everything accepted has arrived", func() bool { return len(k.missing()) == 0 })
	k.stop()
	if twice := k.duplicates(); twice > kills*killPeople {
		t.Errorf("%d messages came twice in %d kills; at most one for each of %d chats may be on its way", twice, kills, killPeople)
	}
	t.Logf("%d accepted in %d kills, 0 lost, %d twice", len(k.accepted), kills, k.duplicates())
}

// killer runs telegate as a process of its own.
type killer struct {
	*process
	people []string

	acceptedMu sync.Mutex
	accepted   map[string]string // text → id; guarded by acceptedMu
}

// workUntilKilled keeps telegate busy, kills it at some moment of it, and answers who has opened a link.
func (k *killer) workUntilKilled(round int) []string {
	var opened []string
	links := map[string]string{}
	for i := range 3 {
		name := fmt.Sprintf("round%d-%d", round, i)
		k.telegram.AddPerson(sandbox.Person{FirstName: name, Username: name + "_tg"})
		var started api.StartedLink
		k.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: name}, &started)
		links[name] = started.StartURL
		opened = append(opened, name)
	}
	var busy sync.WaitGroup
	for n, name := range k.people {
		busy.Go(func() {
			for i := 0; i < 20 && k.send(name, fmt.Sprintf("message %d.%d.%d", round, n, i)); i++ {
			}
		})
	}
	for name, link := range links {
		if err := k.telegram.Open(k.person(name).ID, link); err != nil {
			k.t.Error(err)
		}
	}
	k.eventually("some are accepted in this round", func() bool { return k.acceptedSoFar() >= 10*(round+1) })
	time.Sleep(rand.N(50 * time.Millisecond)) // the moment of the kill is the point of the test
	k.kill()
	busy.Wait()
	return opened
}

// send counts a message only if the answer came: then it is telegate's to keep. It tells whether somebody answered.
func (k *killer) send(name, text string) bool {
	status, data, err := k.try("POST", "/v1/messages", api.SendMessage{User: name, Text: text})
	if err != nil || status != http.StatusAccepted {
		return false
	}
	var sent api.AcceptedMessage
	if json.Unmarshal(data, &sent) == nil {
		k.acceptedMu.Lock()
		k.accepted[text] = sent.ID
		k.acceptedMu.Unlock()
	}
	return true
}

func (k *killer) acceptedSoFar() int {
	k.acceptedMu.Lock()
	defer k.acceptedMu.Unlock()
	return len(k.accepted)
}

// arrivals counts how often each text stands on a phone.
func (k *killer) arrivals() map[string]int {
	count := map[string]int{}
	for _, name := range k.people {
		for _, m := range k.telegram.Messages(k.person(name).ID, testBot) {
			if strings.HasPrefix(m.Text, "message ") {
				count[m.Text]++
			}
		}
	}
	return count
}

func (k *killer) missing() []string {
	arrived := k.arrivals()
	var missing []string
	for text := range k.accepted {
		if arrived[text] == 0 {
			missing = append(missing, text)
		}
	}
	return missing
}

func (k *killer) duplicates() int {
	n := 0
	for _, times := range k.arrivals() {
		n += times - 1
	}
	return n
}
