// @platformatic/kafka against the broker: node platformatic.mjs HOST:PORT TOPIC_PREFIX
// A JavaScript client of the newer, flexible versions. Its consumers join a group; kcat reads back (../platformatic.sh).
import assert from 'node:assert'
import { Admin, Producer, stringSerializers } from '@platformatic/kafka'

const [broker, prefix] = process.argv.slice(2)
const options = { clientId: 'check-clients', bootstrapBrokers: [broker], retries: 3, retryDelay: 200 }
const topic = name => `${prefix}-${name}`
let failed = 0

const reasons = e => [e.message, ...(e.errors ?? []).map(reasons), ...(e.cause ? [reasons(e.cause)] : [])].join('; ')

async function test(name, body) {
  try {
    await body()
    console.log(`ok    platformatic: ${name}`)
  } catch (e) {
    failed++
    console.log(`FAIL  platformatic: ${name}: ${reasons(e).slice(0, 300)}`)
  }
}

const admin = new Admin(options)
await test('create topics, with configs', async () => {
  const made = await admin.createTopics({ topics: ['none', 'gzip', 'snappy', 'lz4', 'zstd', 'idempotent'].map(topic), partitions: 2, replicas: 1,
    configs: [{ name: 'retention.ms', value: '99999999' }] })
  assert.strictEqual(made.length, 6)
  assert.strictEqual(made[0].partitions, 2)
})
await test('metadata and list', async () => {
  const metadata = await admin.metadata({ topics: [topic('gzip')] })
  assert.strictEqual(metadata.topics.get(topic('gzip')).partitionsCount, 2)
  assert.ok((await admin.listTopics()).includes(topic('gzip')))
})
for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
  await test(`produce 300 records, ${compression}`, async () => {
    const producer = new Producer({ ...options, serializers: stringSerializers, compression })
    try {
      const messages = Array.from({ length: 300 }, (_, i) => ({ topic: topic(compression), partition: 0, key: `k${i}`, value: `value ${i}`, headers: { n: `${i}` } }))
      const sent = await producer.send({ messages })
      assert.strictEqual(sent.offsets[0].offset, 0n)
    } catch (e) {
      // A codec that needs a newer Node is the client's own affair.
      if (!/not supported in the current Node/.test(reasons(e))) throw e
      console.log(`#     platformatic: ${reasons(e)}`)
    } finally { await producer.close() }
  })
await test('an idempotent producer', async () => {
  const producer = new Producer({ ...options, serializers: stringSerializers, idempotent: true })
  try {
    for (let i = 0; i < 5; i++) {
      const sent = await producer.send({ messages: [{ topic: topic('idempotent'), partition: 1, key: 'k', value: `${i}` }] })
      assert.strictEqual(sent.offsets[0].offset, BigInt(i))
    }
  } finally { await producer.close() }
})
await test('delete topics', async () => {
  await admin.deleteTopics({ topics: [topic('zstd')] })
  assert.ok(!(await admin.listTopics()).includes(topic('zstd')))
})
await admin.close()
process.exit(failed ? 1 : 0)
