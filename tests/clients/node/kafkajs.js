// KafkaJS against the broker: node kafkajs.js HOST:PORT TOPIC_PREFIX
// Each case prints "ok    name" or "FAIL  name: why". Its consumers always join a group, so what it produced is
// read back with kcat by the script that runs this (../kafkajs.sh).
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = require('kafkajs')
const assert = require('assert')
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')

const [broker, prefix] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'check-clients', brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 3 } })
const admin = kafka.admin()
const topic = name => `${prefix}-${name}`
let failed = 0

async function test(name, body) {
  try {
    await body()
    console.log(`ok    kafkajs: ${name}`)
  } catch (e) {
    failed++
    console.log(`FAIL  kafkajs: ${name}: ${String(e.message).replace(/\n/g, ' ').slice(0, 300)}`)
  }
}

async function withProducer(options, body) {
  const producer = kafka.producer(options)
  await producer.connect()
  try { return await body(producer) } finally { await producer.disconnect() }
}

const numbers = count => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: `value ${i}`, partition: 0 }))

async function main() {
  await admin.connect()
  await test('describeCluster: one broker at the address asked', async () => {
    const cluster = await admin.describeCluster()
    assert.strictEqual(cluster.brokers.length, 1)
    assert.strictEqual(`${cluster.brokers[0].host}:${cluster.brokers[0].port}`, broker)
    assert.ok(cluster.clusterId)
    assert.strictEqual(cluster.controller, cluster.brokers[0].nodeId)
  })
  await test('create, list and describe topics', async () => {
    const topics = ['gzip', 'snappy', 'none', 'idempotent', 'shapes'].map(t => ({ topic: topic(t), numPartitions: 2, replicationFactor: 1 }))
    assert.strictEqual(await admin.createTopics({ topics }), true)
    assert.strictEqual(await admin.createTopics({ topics }), false)
    assert.ok((await admin.listTopics()).includes(topic('gzip')))
    const metadata = await admin.fetchTopicMetadata({ topics: [topic('gzip')] })
    assert.strictEqual(metadata.topics[0].partitions.length, 2)
  })
  await test('createPartitions, and the defaults of a topic without numbers', async () => {
    await admin.createTopics({ topics: [{ topic: topic('defaults') }] })
    await admin.createPartitions({ topicPartitions: [{ topic: topic('defaults'), count: 4 }] })
    assert.strictEqual((await admin.fetchTopicMetadata({ topics: [topic('defaults')] })).topics[0].partitions.length, 4)
  })
  await test('describeConfigs and alterConfigs', async () => {
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic('defaults') }
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '7654321' }] }] })
    const described = await admin.describeConfigs({ includeSynonyms: true, resources: [{ ...resource, configNames: ['retention.ms'] }] })
    assert.strictEqual(described.resources[0].configEntries[0].configValue, '7654321')
  })
  const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }
  for (const [name, compression] of Object.entries(codecs))
    await test(`produce 500 records, ${name}`, () => withProducer({}, async producer => {
      const [sent] = await producer.send({ topic: topic(name), compression, messages: numbers(500) })
      assert.strictEqual(sent.errorCode, 0)
      assert.strictEqual(sent.baseOffset, '0')
    }))
  await test('an idempotent producer', () => withProducer({ idempotent: true, maxInFlightRequests: 1 }, async producer => {
    for (let i = 0; i < 5; i++) {
      const [sent] = await producer.send({ topic: topic('idempotent'), messages: numbers(100) })
      assert.strictEqual(sent.baseOffset, String(i * 100))
    }
  }))
  await test('headers, null key, null value, acks 0 and 1', () => withProducer({}, async producer => {
    const to = topic('shapes')
    await producer.send({ topic: to, messages: [{ partition: 0, key: 'k', value: 'v', headers: { one: '1', two: Buffer.from('2') } }] })
    await producer.send({ topic: to, messages: [{ partition: 0, key: null, value: 'no key' }] })
    await producer.send({ topic: to, messages: [{ partition: 0, key: 'tombstone', value: null }] })
    await producer.send({ topic: to, acks: 1, messages: [{ partition: 0, key: 'acks', value: '1' }] })
    await producer.send({ topic: to, acks: 0, messages: [{ partition: 0, key: 'acks', value: '0' }] })
  }))
  await test('fetchTopicOffsets and by timestamp', async () => {
    const offsets = await admin.fetchTopicOffsets(topic('gzip'))
    assert.deepStrictEqual(offsets.map(o => [o.partition, o.low, o.high]).sort(), [[0, '0', '500'], [1, '0', '0']])
    const byTime = await admin.fetchTopicOffsetsByTimestamp(topic('gzip'), 1000)
    assert.strictEqual(byTime.find(o => o.partition === 0).offset, '0')
  })
  await test('deleteTopicRecords', async () => {
    await admin.deleteTopicRecords({ topic: topic('gzip'), partitions: [{ partition: 0, offset: '100' }] })
    assert.strictEqual((await admin.fetchTopicOffsets(topic('gzip'))).find(o => o.partition === 0).low, '100')
  })
  await test('deleteTopics, and a topic that is not there', async () => {
    await admin.deleteTopics({ topics: [topic('defaults')] })
    await assert.rejects(admin.deleteTopics({ topics: [topic('defaults')] }), /does not host|no such|not exist/i)
  })
  await admin.disconnect()
  process.exit(failed ? 1 : 0)
}
main().catch(e => { console.log(`FAIL  kafkajs: ${e.message}`); process.exit(1) })
