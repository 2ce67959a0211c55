package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"telegate/sandbox"
)

// TestEverythingAtOnce is for the race detector: phones, bots, readers and
// faults all work at the same time.
func TestEverythingAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := newWorld(t, sandbox.Limits{})
	ids := w.people(10)
	events, cancel := w.Subscribe()
	var readers, workers sync.WaitGroup
	readers.Go(func() {
		for range events {
		}
	})
	stop := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				w.clock.Advance(10 * time.Millisecond)
			}
		}
	})
	request := func(path string) {
		resp, err := w.request(t.Context(), http.MethodGet, "/bot"+token+path, "", nil)
		if err == nil {
			resp.Body.Close()
		}
	}
	for i, id := range ids {
		workers.Go(func() { // a person
			for n := range 30 {
				_, _ = w.Say(id, botName, "hello")
				if n%10 == 5 {
					_ = w.Block(id, botName)
					_ = w.Start(id, botName, "")
					_ = w.SetUsername(id, "name"+strconv.Itoa(n))
				}
				for _, m := range w.Messages(id, botName) {
					_ = w.Tap(id, botName, m.ID, "Yes")
				}
				_, _, _ = w.Toast(id, botName), w.Started(id, botName), w.Blocked(id, botName)
			}
		})
		workers.Go(func() { // a bot
			for n := range 30 {
				request("/sendMessage?text=hello&chat_id=" + strconv.FormatInt(id, 10) +
					"&reply_markup=" + url.QueryEscape(`{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}`))
				request(fmt.Sprintf("/editMessageText?text=%d&chat_id=%d&message_id=%d", n, id, i+n))
				request(fmt.Sprintf("/deleteMessage?chat_id=%d&message_id=%d", id, i+n))
				request(fmt.Sprintf("/getUpdates?offset=%d", i*100+n))
			}
		})
	}
	workers.Go(func() {
		for n := range 50 {
			w.SetFaults(sandbox.Faults{ServerError: n%3 == 1, LoseEvery: n % 5})
			w.Calls()
			w.People()
		}
		w.SetFaults(sandbox.Faults{})
	})
	workers.Wait()
	close(stop)
	cancel()
	readers.Wait()
}

// BenchmarkSend measures what the simulation itself can take: 600 chats, no
// limits, over HTTP on the loopback. It must not be what slows a gateway down.
func BenchmarkSend(b *testing.B) {
	tg := sandbox.New(sandbox.Options{Limits: sandbox.Limits{Off: true}})
	server := httptest.NewServer(tg)
	defer server.Close()
	defer tg.Close()
	if _, err := tg.AddBot(token, botName, ""); err != nil {
		b.Fatal(err)
	}
	ids := make([]string, 600)
	for i := range ids {
		p := tg.AddPerson(sandbox.Person{})
		if err := tg.Start(p.ID, botName, ""); err != nil {
			b.Fatal(err)
		}
		ids[i] = strconv.FormatInt(p.ID, 10)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := "text=hello+world&chat_id=" + ids[n.Add(1)%600]
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.URL+"/bot"+token+"/sendMessage", strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Errorf("answered %s", resp.Status)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}
