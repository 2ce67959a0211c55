import { createConfig, lint } from '@redocly/openapi-core'
const config = await createConfig({ extends: ['recommended'] })
const found = await lint({ ref: process.argv[2], config })
for (const p of found) console.log(`${p.severity} ${p.ruleId} ${p.location[0]?.pointer}: ${p.message}`)
process.exit(found.length ? 1 : 0)
