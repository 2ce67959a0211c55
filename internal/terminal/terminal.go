// Package terminal asks questions at a terminal, or reads the answers from a pipe.
package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// Errors of questions without an answer.
var (
	ErrInterrupted = errors.New("interrupted; nothing was changed")
	errInputEnded  = errors.New("the input ended before everything was answered; nothing was changed")
)

// MaxLine limits a line of input, in bytes. A session has about 370, and a terminal passes on 4,095 at most.
const MaxLine = 4096

// Terminal asks questions at a terminal, or reads the answers from a pipe, one per line.
type Terminal struct {
	Out    io.Writer
	in     *bufio.Reader
	tty    *os.File // the input, if it is a terminal
	Escape bool     // the output supports colours and cursor movements
	width  int      // of a line of the output, in characters; 0: no limit
}

// New makes a Terminal.
func New(in io.Reader, out io.Writer) *Terminal {
	t := &Terminal{Out: out, in: bufio.NewReaderSize(in, MaxLine)}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.tty = f
	}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.Escape = true
		t.width, _, _ = term.GetSize(int(f.Fd())) // 0 if it is not known
	}
	return t
}

// Printf prints lines, wrapped to the width of the terminal.
func (t *Terminal) Printf(format string, args ...any) {
	fmt.Fprintln(t.Out, wrap(fmt.Sprintf(format, args...), t.width))
}

// label matches the start of a list item: "  - ", "  bot   " or "  1) phone     ". The next line is indented by its length.
var label = regexp.MustCompile(`^ *(- |(\d\) )?\S+ {2,})?`)

// wrap breaks lines longer than width at spaces. It does not break words.
func wrap(text string, width int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if width <= 0 || utf8.RuneCountInString(line) <= width {
			continue
		}
		head := label.FindString(line)
		indent := strings.Repeat(" ", utf8.RuneCountInString(head))
		var b strings.Builder
		b.WriteString(head)
		column, first := len(indent), true
		for word := range strings.FieldsSeq(line[len(head):]) {
			n := utf8.RuneCountInString(word)
			switch {
			case first:
				first = false
			case column+1+n > width:
				b.WriteString("\n" + indent)
				column = len(indent)
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += n
		}
		lines[i] = b.String()
	}
	return strings.Join(lines, "\n")
}

// Ask asks for a line and returns it without the spaces around it.
func (t *Terminal) Ask(ctx context.Context, question string) (string, error) {
	answer, err := t.askLine(ctx, question)
	return strings.TrimSpace(answer), err
}

// AskHidden is Ask for secrets: a terminal does not show the answer.
func (t *Terminal) AskHidden(ctx context.Context, question string) (string, error) {
	answer, err := t.AskPassword(ctx, question)
	return strings.TrimSpace(answer), err
}

func (t *Terminal) askLine(ctx context.Context, question string) (string, error) {
	fmt.Fprint(t.Out, wrap(question, t.width)+" ")
	return t.awaitLine(ctx, startReading(func() (string, error) {
		line, err := t.in.ReadString('\n')
		if t.tty == nil {
			fmt.Fprintln(t.Out) // there was no Enter key
		}
		if line != "" && errors.Is(err, io.EOF) {
			err = nil
		}
		return line, err
	}))
}

// AskPassword is AskHidden, but keeps the spaces around the answer: they may be part of a password.
func (t *Terminal) AskPassword(ctx context.Context, question string) (string, error) {
	if t.tty == nil || t.in.Buffered() > 0 {
		return t.askLine(ctx, question)
	}
	fd := int(t.tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	done := startReading(func() (string, error) {
		line, err := term.ReadPassword(fd)
		return string(line), err
	})
	awaitEchoOff(fd, before, done)
	fmt.Fprint(t.Out, wrap(question, t.width)+" ")
	answer, err := t.awaitLine(ctx, done)
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // the reader still runs and would leave the echo off
	}
	fmt.Fprintln(t.Out)
	return answer, err
}

// awaitEchoOff waits until a reader has turned off the terminal's echo: then the terminal shows nothing that is typed, and after an interrupt the
// echo can be restored. If the echo was already off, this delays the question by a second.
func awaitEchoOff(fd int, before *term.State, done <-chan lineRead) {
	for range 1000 {
		if now, err := term.GetState(fd); err != nil || !reflect.DeepEqual(now, before) || len(done) > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// lineRead is the result of reading a line.
type lineRead struct {
	line string
	err  error
}

// startReading reads in the background, because a read from a terminal cannot be canceled. An abandoned one ends with the process.
func startReading(read func() (string, error)) <-chan lineRead {
	done := make(chan lineRead, 1)
	go func() {
		line, err := read()
		done <- lineRead{line, err}
	}()
	return done
}

// awaitLine waits for a line until the context ends.
func (t *Terminal) awaitLine(ctx context.Context, done <-chan lineRead) (string, error) {
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.Out)
		return "", ErrInterrupted
	case r := <-done:
		switch {
		case ctx.Err() != nil:
			return "", ErrInterrupted
		case errors.Is(r.err, io.EOF):
			return "", errInputEnded
		case r.err != nil:
			return "", fmt.Errorf("read the answer: %w", r.err)
		}
		return strings.TrimRight(r.line, "\r\n"), nil
	}
}

// Confirm asks a yes-or-no question. Enter means fallback.
func (t *Terminal) Confirm(ctx context.Context, question string, fallback bool) (bool, error) {
	hint := "[y/N]"
	if fallback {
		hint = "[Y/n]"
	}
	for {
		answer, err := t.Ask(ctx, question+" "+hint)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(answer) {
		case "":
			return fallback, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		t.Printf("Please answer y or n.")
	}
}

// Choose asks for one of a few words. Its number works too; Enter means the first.
func (t *Terminal) Choose(ctx context.Context, question string, words ...string) (string, error) {
	for {
		answer, err := t.Ask(ctx, question+" ["+words[0]+"]")
		if err != nil {
			return "", err
		}
		if answer == "" {
			return words[0], nil
		}
		for i, word := range words {
			if strings.EqualFold(answer, word) || answer == fmt.Sprint(i+1) {
				return word, nil
			}
		}
		t.Printf("Please answer one of: %s.", strings.Join(words, ", "))
	}
}
