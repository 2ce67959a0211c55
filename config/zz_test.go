package config_test
import ("testing";"strings";"time";"telegate/config")
func TestZZ(t *testing.T){
 for _, s := range []string{
  "a = "+strings.Repeat("[", 500000)+strings.Repeat("]", 500000),
  strings.Repeat("a.", 20000)+"b=1",
  strings.Repeat("x=1\n", 1),
  "[domains]\n"+strings.Repeat("'x", 3),
  "a = "+strings.Repeat("{a=", 100000)+"1"+strings.Repeat("}", 100000),
 } {
  start:=time.Now()
  _, err := config.Parse("t.toml", []byte(s), noEnv)
  m := err.Error(); if len(m)>200 {m=m[:200]}
  t.Log(len(s), time.Since(start), m)
 }
 var b strings.Builder
 b.WriteString(bot)
 for i:=range 10000 { b.WriteString("[domains.d"+strings.Repeat("x", i%50)+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))+"]\ntitle = 'x'\n") }
  start:=time.Now()
  _, err := config.Parse("t.toml", []byte(b.String()), noEnv)
  t.Log(b.Len(), time.Since(start), err)
 for i:=range 10 { _=i
  start:=time.Now()
  _, err := config.Parse("t.toml", []byte(sample), noEnv)
  _ = err
  t.Log(time.Since(start))
 }
}
