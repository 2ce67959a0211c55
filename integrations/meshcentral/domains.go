package meshcentral

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// Domains lists the ids of MeshCentral's domains, from config.json in its data folder: always the default domain "", and none that only
// shares a folder, because it has no users. It lists only the default domain if the file cannot be read.
func Domains(data string) []string {
	ids := map[string]bool{"": true}
	text, _ := os.ReadFile(filepath.Join(data, "config.json"))
	text, _ = hujson.Standardize(text) // it may have comments
	var config struct {
		Domains map[string]map[string]any `json:"domains"`
	}
	if json.Unmarshal(text, &config) == nil {
		for id, domain := range config.Domains {
			if !strings.HasPrefix(id, "_") && domain["share"] == nil { // MeshCentral ignores what begins with "_"
				ids[strings.ToLower(id)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
