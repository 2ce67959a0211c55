// Package webstyle has the stylesheet that the console and the sandbox page share.
package webstyle

import (
	"embed"
	"net/http"
)

//go:embed shared.css
var files embed.FS

// Serve serves the stylesheet.
func Serve(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "shared.css") }
