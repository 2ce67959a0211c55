package bench

import "io"

type trace struct{}

func (t *trace) chart(io.Writer) error { return nil }
