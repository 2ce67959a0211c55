//go:build !nomtproto

package userclient_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/db"
	"telegate/delivery"
	"telegate/userclient"
)

// childEnv makes the test binary a process with only a connected session (see TestMain).
const childEnv = "TELEGATE_TEST_CONNECTED"

// A process with a connected session uses at most 60 MB of memory, and sends within milliseconds. It is a separate process,
// because the simulated Telegram runs in this one.
func TestMemoryOfAConnectedSession(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	r := newRig(t)
	r.makesKey()
	r.tel.AddGroup(-700, 0)
	server := r.tel.Servers()[0]
	key := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(server.Key))
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{server.Address, key, t.TempDir()}, ","))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	var before, after int
	var p50, p99 time.Duration
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(line, &before, &after, &p50, &p99); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	t.Logf("RSS %d KB before connecting, %d KB after %d messages; a send takes %v (median), %v (p99)", before, after, childSends, p50, p99)
	if after > 60<<10 {
		t.Errorf("RSS is %d KB", after)
	}
}

const childSends = 300

// connectedChild is that process: it connects, sends, prints its measurements, and waits to be killed.
func connectedChild(settings string) error {
	parts := strings.Split(settings, ",")
	der, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return err
	}
	path := filepath.Join(parts[2], "telegate.db")
	d, err := db.Open(context.Background(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
	if err != nil {
		return err
	}
	before, err := residentKB()
	if err != nil {
		return err
	}
	connected := make(chan struct{}, 1)
	c, err := userclient.New(userclient.Options{
		App:      userclient.App{ID: 1, Hash: testHash, Servers: []userclient.Server{{DC: 2, Address: parts[0], Key: key}}, Logger: slog.New(slog.DiscardHandler)},
		BotToken: testToken, Store: d, OnConnected: func(userclient.Status) { connected <- struct{}{} },
	})
	if err != nil {
		return err
	}
	go func() { _ = c.Run(context.Background()) }()
	<-connected
	var took []time.Duration
	for i := range childSends {
		to := delivery.Recipient{ChatID: -700, Lane: delivery.LaneDirect, MessageID: fmt.Sprint("msg_", i)}
		time.Sleep(45 * time.Millisecond) // below the pace of a bot, so that nothing but the send is measured
		began := time.Now()
		if err := c.Send(context.Background(), to, delivery.Part{Text: delivery.Plain("Your code is ").Code("123456")}); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	after, err := residentKB()
	if err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Println(before, after, int64(took[len(took)/2]), int64(took[len(took)*99/100]))
	select {}
}

// residentKB is the process's resident memory.
func residentKB() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	var kb int
	_, err = fmt.Sscan(line, &kb)
	return kb, err
}
