package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"telegate/api"
)

// contract is the part of /openapi.json that the tests use.
type contract struct {
	OpenAPI    string
	Info       struct{ Title, Version string }
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]schema
		SecuritySchemes map[string]struct{ Type, Scheme string }
	}
}

type operation struct {
	OperationID string
	Summary     string
	Description string
	Security    []map[string][]string
	Parameters  []parameter
	RequestBody *struct {
		Required bool
		Content  map[string]content
	}
	Responses map[string]struct {
		Description string
		Problems    []string `json:"x-problem-types"`
		Content     map[string]content
	}
}

type content struct {
	Schema   schema
	Examples map[string]shownExample
}

type shownExample struct {
	Summary string
	Value   json.RawMessage
}

type parameter struct {
	Name, In string
	Required bool
	Example  any
}

func (op operation) hasParameter(name, in string, required bool) bool {
	return slices.ContainsFunc(op.Parameters, func(p parameter) bool { return p.Name == name && p.In == in && p.Required == required })
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 types
	Format               string
	Enum                 []any
	OneOf                []schema
	Properties           map[string]schema
	Required             []string
	AdditionalProperties any
	Items                *schema
}

// types is a type of JSON Schema: one name or several.
type types []string

func (k *types) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*k = types{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(k))
}

// readContract reads the contract once for all tests: only the version of the server changes it.
func readContract(t testing.TB, s *api.Server) contract {
	t.Helper()
	theContract.Do(func() { theContract.contract = parseContract(t, s) })
	return theContract.contract
}

var theContract struct {
	sync.Once
	contract
}

func parseContract(t testing.TB, s *api.Server) contract {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/openapi.json", nil))
	var c contract
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil {
		t.Fatalf("/openapi.json: %v", err)
	}
	return c
}

// operation finds the operation of a request.
func (c contract) operation(r *http.Request) (operation, bool) {
	for path, methods := range c.Paths {
		asked, template := strings.Split(r.URL.Path, "/"), strings.Split(path, "/")
		if len(asked) != len(template) {
			continue
		}
		for i := range template {
			if strings.HasPrefix(template[i], "{") {
				asked[i] = template[i]
			}
		}
		if op, ok := methods[strings.ToLower(r.Method)]; ok && slices.Equal(asked, template) {
			return op, true
		}
	}
	return operation{}, false
}

// check describes how an answer breaks the contract; empty if it does not, or is not part of it.
func (c contract) check(r *http.Request, a answer) string {
	op, ok := c.operation(r)
	if !ok {
		return ""
	}
	response, ok := op.Responses[strconv.Itoa(a.status)]
	if !ok {
		return "the status is not listed"
	}
	if a.status >= 400 {
		var p struct{ Type string }
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || !slices.Contains(response.Problems, p.Type) {
			return fmt.Sprintf("the problem %q is not listed for this operation", p.Type)
		}
	}
	if len(response.Content) == 0 {
		if a.body != "" {
			return "there should be no body"
		}
		return ""
	}
	content, ok := response.Content[a.header.Get("Content-Type")]
	if !ok {
		return "Content-Type " + a.header.Get("Content-Type") + " is not listed"
	}
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		return "not JSON"
	}
	return c.checkValue("#", content.Schema, v)
}

func (c contract) checkValue(at string, s schema, v any) string {
	if s.Ref != "" {
		return c.checkValue(at, c.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], v)
	}
	if len(s.OneOf) > 0 {
		for _, one := range s.OneOf {
			if c.checkValue(at, one, v) == "" {
				return ""
			}
		}
		return at + " is none of its alternatives"
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Sprintf("%s is %v, not one of %v", at, v, s.Enum)
	}
	switch kind := kindOf(v); {
	case !slices.Contains(s.Type, kind):
		return fmt.Sprintf("%s is of type %s, not %v", at, kind, s.Type)
	case kind == "array":
		for i, item := range v.([]any) {
			if fault := c.checkValue(fmt.Sprintf("%s/%d", at, i), *s.Items, item); fault != "" {
				return fault
			}
		}
	case kind == "object":
		return c.checkObject(at, s, v.(object))
	}
	return ""
}

func (c contract) checkObject(at string, s schema, o object) string {
	for _, name := range s.Required {
		if _, ok := o[name]; !ok {
			return at + "/" + name + " is missing"
		}
	}
	for name, v := range o {
		member, ok := s.Properties[name]
		if values, open := s.AdditionalProperties.(object); open && !ok { // of the map's values
			member, ok = schema{Type: types{values["type"].(string)}}, true
		}
		if !ok {
			return at + "/" + name + " is not listed"
		}
		if fault := c.checkValue(at+"/"+name, member, v); fault != "" {
			return fault
		}
	}
	return ""
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// calls are all endpoints with the scope each needs; empty where any key works.
var calls = map[string]string{
	"GET /v1/domains":                    "",
	"GET /v1/status":                     "admin",
	"GET /v1/users":                      "admin",
	"GET /v1/messaging":                  "",
	"PUT /v1/messaging":                  "invite",
	"DELETE /v1/messaging":               "link",
	"GET /v1/logins":                     "admin",
	"POST /v1/links":                     "link",
	"GET /v1/links/{id}":                 "link",
	"POST /v1/links/{id}/confirm":        "link",
	"POST /v1/verifications":             "verify",
	"GET /v1/verifications/{id}":         "verify",
	"POST /v1/verifications/{id}/check":  "verify",
	"POST /v1/verifications/{id}/resend": "verify",
	"POST /v1/verifications/{id}/cancel": "verify",
	"POST /v1/messages":                  "send",
	"GET /v1/messages/{id}":              "send",
	"GET /v1/messages":                   "admin",
	"POST /v1/messages/{id}/resend":      "admin",
	"GET /v1/trace":                      "admin",
	"POST /v1/broadcasts":                "send",
	"GET /v1/broadcasts":                 "send",
	"GET /v1/broadcasts/{id}":            "send",
	"POST /v1/broadcasts/{id}/cancel":    "send",
	"POST /v1/reload":                    "admin",
}

func TestContractListsEveryCallWithItsScope(t *testing.T) {
	t.Parallel()
	c := newGateway(t).contract
	if !strings.HasPrefix(c.OpenAPI, "3.1.") || c.Info.Title != "telegate" || c.Info.Version != "1.2.3" {
		t.Errorf("not telegate's OpenAPI 3.1 document: %s %+v", c.OpenAPI, c.Info)
	}
	if key := c.Components.SecuritySchemes["key"]; key.Type != "http" || key.Scheme != "bearer" {
		t.Errorf("keys are described as %+v", key)
	}
	listed := map[string]string{}
	ids := map[string]bool{}
	for path, methods := range c.Paths {
		for method, op := range methods {
			name := strings.ToUpper(method) + " " + path
			if op.Summary == "" || op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s lacks a summary or an id of its own: %+v", name, op)
			}
			ids[op.OperationID] = true
			if len(op.Security) != 1 || len(op.Security[0]) != 1 || op.Security[0]["key"] == nil {
				t.Fatalf("%s needs %v, want the key", name, op.Security)
			}
			scope := strings.Join(op.Security[0]["key"], ",")
			if scope != "" && !strings.Contains(op.Description, scope) {
				t.Errorf("%s does not say in words that it needs the scope %s: %q", name, scope, op.Description)
			}
			listed[name] = scope
		}
	}
	for name, scope := range calls {
		if got, ok := listed[name]; !ok || got != scope {
			t.Errorf("%s is listed as %v with the scope %q, want %q", name, ok, got, scope)
		}
	}
	if len(listed) != len(calls) {
		t.Errorf("%d calls are listed, want %d: %v", len(listed), len(calls), listed)
	}
}

func TestContractDescribesProblemsAndBodies(t *testing.T) {
	t.Parallel()
	c := newGateway(t).contract
	for path, methods := range c.Paths {
		for method, op := range methods {
			name := strings.ToUpper(method) + " " + path
			if problem := op.Responses["default"].Content["application/problem+json"].Schema.Ref; problem != "#/components/schemas/Problem" {
				t.Errorf("%s: errors are described as %q", name, problem)
			}
			if op.RequestBody != nil {
				body := c.Components.Schemas[strings.TrimPrefix(op.RequestBody.Content["application/json"].Schema.Ref, "#/components/schemas/")]
				if !op.RequestBody.Required || len(body.Properties) == 0 || body.AdditionalProperties != false {
					t.Errorf("%s: the body is not described, or lets unknown members in: %+v", name, body)
				}
			}
			if strings.Contains(path, "{id}") && !op.hasParameter("id", "path", true) {
				t.Errorf("%s: the id in the path is not described", name)
			}
			if method == "post" && !op.hasParameter("Idempotency-Key", "header", false) {
				t.Errorf("%s: Idempotency-Key is not described", name)
			}
		}
	}
	for name, s := range c.Components.Schemas {
		c.checkRefs(t, name, s)
	}
}

// checkRefs checks that every reference of a schema exists.
func (c contract) checkRefs(t *testing.T, name string, s schema) {
	t.Helper()
	if s.Ref != "" {
		if _, ok := c.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]; !ok {
			t.Errorf("%s points to %s, which is not there", name, s.Ref)
		}
	}
	for member, m := range s.Properties {
		c.checkRefs(t, name+"/"+member, m)
	}
	for _, one := range s.OneOf {
		c.checkRefs(t, name, one)
	}
	if s.Items != nil {
		c.checkRefs(t, name, *s.Items)
	}
}

func TestContractHasOnlyMembersOfOpenAPI(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	w := httptest.NewRecorder()
	g.server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/openapi.json", nil))
	if strings.Contains(w.Body.String(), "patternDescription") {
		t.Error("patternDescription is no member of JSON Schema")
	}
	if a := g.call("GET", "/v1/messaging?user=a%00b", nil); !strings.Contains(a.body, "text without control characters") {
		t.Errorf("the refusal does not say what a user id is: %s", a.body)
	}
}

func TestContractNamesTheProblemsOfEachCallByStatus(t *testing.T) {
	t.Parallel()
	for path, methods := range newGateway(t).contract.Paths {
		for method, op := range methods {
			for _, status := range []string{"401", "403", "404", "422", "500", "503"} {
				if r := op.Responses[status]; len(r.Problems) == 0 || r.Description == "" {
					t.Errorf("%s %s names no problem for %s", method, path, status)
				}
			}
		}
	}
}
