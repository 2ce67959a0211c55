package bench

import (
	"context"
	"errors"
	"io"
	"time"
)

var (
	Percentile = percentile
	SumMetrics = sumMetrics
)

func SpreadOf(values []float64) (low, median, high float64) {
	s := summarize(values)
	return s.Min, s.Median, s.Max
}

// Figure is a figure for tests, with the values of its runs.
type Figure struct {
	What, Unit, Sense string
	Bound             float64
	Loss              bool
	Peer              string
	Values            []float64
}

// ErrFailing is the error of the run that fails.
var ErrFailing = errors.New("this run fails")

// RunFigures runs a scenario with these values. The run with the number failing, from 0, fails; -1: none.
func RunFigures(ctx context.Context, o Options, name string, failing int, figures ...Figure) (*Report, error) {
	s := scenario{name: name}
	for _, f := range figures {
		s.figures = append(s.figures, figure{
			key: f.What, what: f.What, unit: f.Unit, target: target{f.Sense, f.Bound}, loss: f.Loss, peer: f.Peer,
		})
	}
	at := -1
	s.run = func(context.Context, *suite) (outcome, error) {
		if at++; at == failing {
			return outcome{}, ErrFailing
		}
		values := map[string]float64{}
		for _, f := range figures {
			if at < len(f.Values) {
				values[f.What] = f.Values[at]
			}
		}
		return outcome{values: values}, nil
	}
	return run(ctx, o, []scenario{s})
}

// Send is a send that reached Telegram, or an accepted message.
type Send struct {
	Chat      int64
	Text      string
	Code      int
	Delivered bool
}

// Tally compares accepted messages with those that reached Telegram.
func Tally(accepted, seen []Send) (lost, twice, floods, cut int) {
	env := &environment{telegram: &telegram{}}
	for _, s := range seen {
		env.telegram.arrivals = append(env.telegram.arrivals, arrival{chat: s.Chat, text: s.Text, code: s.Code, delivered: s.Delivered})
	}
	var messages []sent
	for _, s := range accepted {
		messages = append(messages, sent{chat: s.Chat, text: s.Text, sentAt: time.Now()})
	}
	t := env.count(messages)
	return t.lost, t.duplicates, t.tooMany, t.unanswered
}

// Chart draws series of arrivals, each with its second and its latency in seconds.
func Chart(w io.Writer, title, waitsOf string, names []string, points ...[][2]float64) error {
	t := &trace{title: title, limit: 30, limitName: "the limit", latenciesOf: waitsOf}
	for i, name := range names {
		s := series{name: name}
		for _, p := range points[i] {
			s.points = append(s.points, point{p[0], p[1]})
		}
		t.series = append(t.series, s)
	}
	return t.chart(w)
}
