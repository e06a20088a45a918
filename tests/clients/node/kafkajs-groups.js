// KafkaJS in consumer groups: node kafkajs-groups.js HOST:PORT TOPIC_PREFIX
// Members share partitions, leave, crash, commit, resume and rewind; the admin client sees and changes the groups.
// Each case prints "ok    name" or "FAIL  name: why". `member` as a third argument is the member that is killed.
const { Kafka, logLevel, AssignerProtocol } = require('kafkajs')
const assert = require('assert')
const { spawn } = require('child_process')

const [broker, prefix, role] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'check-clients', brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 5, initialRetryTime: 50 } })
const admin = kafka.admin()
const PARTITIONS = 6
const topic = `${prefix}-groups`
const group = name => `${prefix}-${name}`
let failed = 0

async function test(name, body) {
  try {
    await body()
    console.log(`ok    kafkajs: ${name}`)
  } catch (e) {
    failed++
    console.log(`FAIL  kafkajs: ${name}: ${String(e.stack).replace(/\n/g, ' ').slice(0, 400)}`)
  }
}

async function until(what, holds, seconds = 40) {
  for (const deadline = Date.now() + seconds * 1000; !(await holds()); await new Promise(r => setTimeout(r, 25)))
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
}

// A member that keeps what it was assigned and what it has seen.
async function member(groupId, { subscribe = {}, run = {}, ...options } = {}) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 200, rebalanceTimeout: 10000, maxWaitTimeInMs: 200, ...options })
  const self = { consumer, seen: [], assigned: [], joins: 0 }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { self.joins++; self.assigned = payload.memberAssignment[topic] ?? []; self.id = payload.memberId; self.leads = payload.isLeader })
  consumer.on(consumer.events.REBALANCING, () => { self.assigned = [] })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true, ...subscribe })
  await consumer.run({ eachMessage: async ({ partition, message }) => { self.seen.push(`${partition}:${message.offset}`) }, ...run })
  return self
}
const spread = members => members.flatMap(m => m.assigned).sort()
const all = Array.from({ length: PARTITIONS }, (_, i) => i)
const shared = members => () => members.every(m => m.assigned.length > 0) && String(spread(members)) === String(all)
const stop = members => Promise.all(members.map(m => m.consumer.disconnect()))
const offsets = async (groupId, options = {}) => Object.fromEntries((await admin.fetchOffsets({ groupId, topics: [topic], ...options }))[0].partitions.map(p => [p.partition, p.offset]))

async function produce(count) {
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, messages: Array.from({ length: count }, (_, i) => ({ partition: i % PARTITIONS, key: `k${i}`, value: `v${i}` })) })
  await producer.disconnect()
}

async function main() {
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] })
  await produce(600)
  await test('three members share six partitions, and read all records once they have settled', async () => {
    const members = await Promise.all([1, 2, 3].map(() => member(group('share'))))
    await until('an assignment of two partitions each', () => shared(members)() && members.every(m => m.assigned.length === 2))
    await until('600 records', () => new Set(members.flatMap(m => m.seen)).size === 600)
    assert.strictEqual(members.filter(m => m.leads).length, 1)
    const [described] = (await admin.describeGroups([group('share')])).groups
    assert.strictEqual(described.state, 'Stable')
    assert.strictEqual(described.protocolType, 'consumer')
    assert.strictEqual(described.protocol, 'RoundRobinAssigner')
    assert.deepStrictEqual(described.members.map(m => m.memberId).sort(), members.map(m => m.id).sort())
    assert.match(described.members[0].clientHost, /127\.0\.0\.1/)
    const decoded = described.members.flatMap(m => AssignerProtocol.MemberAssignment.decode(m.memberAssignment).assignment[topic]).sort()
    assert.deepStrictEqual(decoded, all)
    await members[0].consumer.disconnect()
    await until('the two that are left take over', shared(members.slice(1)))
    await produce(60)
    await until('new records', () => new Set(members.flatMap(m => m.seen)).size === 660)
    const late = await member(group('share'))
    await until('a fourth member is given its share', shared([...members.slice(1), late]))
    await stop([...members.slice(1), late])
    await until('nobody is left', async () => (await admin.describeGroups([group('share')])).groups[0].state === 'Empty')
  })
  await test('commits, and the next member resumes exactly there', async () => {
    assert.deepStrictEqual(await offsets(group('share')), Object.fromEntries(all.map(p => [p, '110'])))
    await produce(6)
    const next = await member(group('share'))
    await until('the new records', () => next.seen.length >= 6)
    assert.deepStrictEqual(next.seen.sort(), all.map(p => `${p}:110`))
    await stop([next])
  })
  await test('commitOffsets by hand, with metadata', async () => {
    const first = await member(group('hand'), { run: { autoCommit: false } })
    await until('the records', () => first.seen.length >= 666)
    await first.consumer.commitOffsets([{ topic, partition: 3, offset: '7', metadata: 'note' }])
    await stop([first])
    const got = await admin.fetchOffsets({ groupId: group('hand'), topics: [topic] })
    assert.deepStrictEqual(got[0].partitions.find(p => p.partition === 3), { partition: 3, offset: '7', metadata: 'note' })
    assert.strictEqual(got[0].partitions.find(p => p.partition === 0).offset, '-1')
    const second = await member(group('hand'), { subscribe: { fromBeginning: false } })
    await until('partition 3 from 7 on', () => second.seen.length >= 104)
    assert.deepStrictEqual(second.seen.slice(0, 2), ['3:7', '3:8'])
    assert.ok(second.seen.every(s => s.startsWith('3:')))
    await stop([second])
  })
  await test('setOffsets and resetOffsets rewind a group', async () => {
    await admin.setOffsets({ groupId: group('hand'), topic, partitions: all.map(partition => ({ partition, offset: '109' })) })
    assert.strictEqual((await offsets(group('hand')))[5], '109')
    const again = await member(group('hand'))
    await until('two of each partition', () => again.seen.length >= 12)
    assert.strictEqual(again.seen.length, 12)
    await assert.rejects(admin.setOffsets({ groupId: group('hand'), topic, partitions: [{ partition: 0, offset: '1' }] }), /must be offline|running|not empty/i)
    await stop([again])
    await admin.resetOffsets({ groupId: group('hand'), topic, earliest: true })
    assert.strictEqual((await offsets(group('hand'), { resolveOffsets: true }))[0], '0')
  })
  await test('seek, pause and resume', async () => {
    const one = await member(group('seek'), { subscribe: { fromBeginning: false } })
    await until('an assignment', shared([one]))
    one.consumer.seek({ topic, partition: 2, offset: '105' })
    await until('from 105 on', () => one.seen.length >= 6)
    assert.deepStrictEqual(one.seen.slice(0, 6), [105, 106, 107, 108, 109, 110].map(o => `2:${o}`))
    one.consumer.pause([{ topic, partitions: [0] }])
    await produce(6)
    await until('five partitions', () => one.seen.length >= 11)
    assert.ok(!one.seen.some(s => s.startsWith('0:')))
    one.consumer.resume([{ topic, partitions: [0] }])
    await until('the sixth', () => one.seen.some(s => s.startsWith('0:')))
    await stop([one])
  })
  await test('a member that dies is replaced after its session', async () => {
    const child = spawn(process.execPath, [__filename, broker, prefix, 'member'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', data => { said += data })
    await until('the other process to be a member', () => said.includes('assigned'))
    const survivor = await member(group('crash'))
    await until('both to have a share', () => survivor.assigned.length === 3 && /assigned 3\b/.test(said))
    const begin = Date.now()
    child.kill('SIGKILL')
    await until('all partitions', shared([survivor]))
    const seconds = (Date.now() - begin) / 1000
    assert.ok(seconds > 3 && seconds < 15, `took ${seconds} s with a session of 6 s`)
    await stop([survivor])
  })
  await test('listGroups and deleteGroups', async () => {
    const listed = (await admin.listGroups()).groups.filter(g => g.groupId.startsWith(prefix))
    assert.deepStrictEqual(listed.map(g => g.groupId).sort(), ['crash', 'hand', 'seek', 'share'].map(group))
    assert.ok(listed.every(g => g.protocolType === 'consumer'))
    const busy = await member(group('share'))
    await until('a member', () => busy.assigned.length > 0)
    const refused = await admin.deleteGroups([group('share')]).catch(e => e.groups)
    assert.strictEqual(refused[0].error.type, 'NON_EMPTY_GROUP')
    await stop([busy])
    await until('an empty group', async () => (await admin.describeGroups([group('share')])).groups[0].state === 'Empty')
    await admin.deleteGroups(['crash', 'hand', 'seek', 'share'].map(group))
    assert.strictEqual((await admin.listGroups()).groups.filter(g => g.groupId.startsWith(prefix)).length, 0)
    const unknown = await admin.deleteGroups([group('share')]).catch(e => e.groups)
    assert.strictEqual(unknown[0].error.type, 'GROUP_ID_NOT_FOUND')
    assert.strictEqual((await offsets(group('share')))[0], '-1')
  })
  await admin.disconnect()
  process.exit(failed ? 1 : 0)
}

// The member that is killed: says how many partitions it has whenever that changes.
async function victim() {
  const self = await member(group('crash'))
  for (let last = 0; ; await new Promise(r => setTimeout(r, 20)))
    if (self.assigned.length !== last) console.log(`assigned ${last = self.assigned.length}`)
}

;(role === 'member' ? victim() : main()).catch(e => { console.log(`FAIL  kafkajs: ${e.stack}`); process.exit(1) })
