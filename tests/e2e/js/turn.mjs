// Runs one prompt with the official client and prints what came of it as JSON.
//   node turn.mjs v1|v2 BASE_URL MODEL TEXT
const [generation, baseUrl, modelID, text] = process.argv.slice(2)
const old = generation === "v1"
const { createOpencodeClient } = await import(`@opencode-ai/sdk/${old ? "" : "v2/"}client`)
const client = createOpencodeClient({ baseUrl, throwOnError: true })

const directory = (await client.path.get()).data.directory
const stream = (await client.event.subscribe()).stream[Symbol.asyncIterator]()
await stream.next() // connects: the turn must not begin before

const sessionID = (await client.session.create({})).data.id
const prompt = { parts: [{ type: "text", text }], model: { providerID: "fake", modelID } }
await client.session.promptAsync(
  old ? { path: { id: sessionID }, body: prompt } : { sessionID, ...prompt },
)

let error = null
for (let event; event?.type !== "session.idle"; ) {
  const next = await stream.next()
  if (next.done) throw new Error("the event stream ended")
  if (next.value.properties?.sessionID !== sessionID) continue
  event = next.value
  if (event.type === "session.error") error = event.properties.error.name
}

const messages = await client.session.messages(old ? { path: { id: sessionID } } : { sessionID })
const texts = messages.data
  .filter((message) => message.info.role === "assistant")
  .flatMap((message) => message.parts)
  .filter((part) => part.type === "text")
  .map((part) => part.text)
console.log(JSON.stringify({ directory, texts, error }))
process.exit()
