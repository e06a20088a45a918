// @platformatic/kafka in consumer groups of either protocol: node platformatic-groups.mjs HOST:PORT TOPIC_PREFIX
import assert from 'node:assert'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const [broker, prefix] = process.argv.slice(2)
const options = { clientId: 'check-clients', bootstrapBrokers: [broker], retries: 5, retryDelay: 100 }
const PARTITIONS = 4
let failed = 0

const reasons = e => [e.message, ...(e.errors ?? []).map(reasons), ...(e.cause ? [reasons(e.cause)] : [])].join('; ')
async function test(name, body) {
  try {
    await body()
    console.log(`ok    platformatic: ${name}`)
  } catch (e) {
    failed++
    console.log(`FAIL  platformatic: ${name}: ${reasons(e).replace(/\n/g, ' ').slice(0, 400)}`)
  }
}
async function until(what, holds, seconds = 40) {
  for (const deadline = Date.now() + seconds * 1000; !(await holds()); await new Promise(r => setTimeout(r, 25)))
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
}

const admin = new Admin(options)
const producer = new Producer({ ...options, serializers: stringSerializers })
const produce = (topic, count) => producer.send({ messages: Array.from({ length: count }, (_, i) => ({ topic, partition: i % PARTITIONS, key: 'k', value: `${i}` })) })

async function member(protocol, groupId, topic) {
  const consumer = new Consumer({ ...options, groupId, groupProtocol: protocol, deserializers: stringDeserializers, maxWaitTime: 100,
    ...(protocol === 'classic' ? { sessionTimeout: 6000, heartbeatInterval: 200, rebalanceTimeout: 10000 } : {}) })
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: false })
  const self = { consumer, seen: [], stream }
  stream.on('data', message => { self.seen.push(`${message.partition}:${message.offset}`); self.last = message })
  stream.on('error', e => { self.error = e })
  self.assigned = () => (consumer.assignments ?? []).filter(a => a.topic === topic).flatMap(a => a.partitions)
  self.close = () => consumer.close(true)
  return self
}
const spread = members => members.flatMap(m => m.assigned()).sort().join()
const shared = members => () => members.every(m => m.assigned().length > 0) && spread(members) === '0,1,2,3'

for (const protocol of ['classic', 'consumer']) {
  const topic = `${prefix}-${protocol}`, groupId = `${prefix}-${protocol}`
  await admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 })
  await test(`${protocol}: two members share four partitions, and one takes over from the other`, async () => {
    await produce(topic, 40)
    const a = await member(protocol, groupId, topic)
    await until('one has all', shared([a]))
    await until('40 records', () => new Set(a.seen).size === 40)
    const b = await member(protocol, groupId, topic)
    await until('both share', shared([a, b]))
    const groups = await admin.describeGroups({ groups: [groupId] })
    if (protocol === 'classic') {
      assert.strictEqual(groups.get(groupId).state, 'STABLE')
      assert.strictEqual(groups.get(groupId).members.size, 2)
    }
    await b.close()
    await until('the other has all', shared([a]))
    await produce(topic, 4)
    await until('the new records', () => new Set([...a.seen, ...b.seen]).size === 44)
    for (let partition = 0; partition < PARTITIONS; partition++) await a.consumer.commit({ offsets: [{ topic, partition, offset: 11n, leaderEpoch: -1 }] })
    await a.close()
  })
  await test(`${protocol}: the next member resumes where the group had committed`, async () => {
    await produce(topic, 4)
    const next = await member(protocol, groupId, topic)
    await until('four records', () => next.seen.length >= 4)
    assert.deepStrictEqual(next.seen.sort(), ['0:11', '1:11', '2:11', '3:11'])
    const committed = await next.consumer.listCommittedOffsets({ topics: [{ topic, partitions: [0, 1, 2, 3] }] })
    assert.deepStrictEqual(committed.get(topic), [11n, 11n, 11n, 11n])
    await next.last.commit()
    await next.close()
  })
  await test(`${protocol}: list groups; offsets listed, altered, deleted; the group deleted`, async () => {
    const listed = (await admin.listGroups({ types: [protocol] })).get(groupId)
    assert.strictEqual(listed.groupType, protocol)
    await until('no members', async () => (await admin.listGroups({ types: [protocol], states: ['EMPTY'] })).has(groupId))
    await admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets: [{ partition: 1, offset: 3n }] }] })
    const offsets = await admin.listConsumerGroupOffsets({ groups: [groupId] })
    assert.strictEqual(offsets[0].topics[0].partitions.find(p => p.partitionIndex === 1).committedOffset, 3n)
    await admin.deleteConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionIndexes: [1] }] })
    await admin.deleteGroups({ groups: [groupId] })
    assert.ok(!(await admin.listGroups({ types: [protocol] })).has(groupId))
  })
}
await producer.close()
await admin.close()
process.exit(failed ? 1 : 0)
