#!/usr/bin/env python3
"""The adversary from outside: a data directory that real clients have filled is damaged, file by file, and everything that was acknowledged is asked for again.

  adversary.py SPATE_BIN SEED STORIES

A load is made by kcat (codecs, idempotent producers, large and small records), groups commit, topics are deleted and made again, records are trimmed, segments
roll; then the broker is stopped, or killed. Each story copies that directory, does one thing to it, and starts it: whatever is read must be the bytes that were
acknowledged, or refused as damaged and named by `spate log verify`; the logs end where they did; appends go on there; a second life says the same.

LOST=1 adds what loses the checkpoints beside it, and directories that come back as they were.
In the environment: STORY=n for one alone, TELL=1 for a line of each, KIND=flip and FILE=regex to narrow them, KEEP=1 to stop at the first that goes wrong and leave
the directories there. The load's batches depend on time, so a seed repeats the kinds and places, not each byte.
"""
import atexit, json, os, random, re, shutil, signal, socket, struct, subprocess, sys, time
SPATE, SEED, STORIES = (sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
ONLY = int(os.environ.get('STORY', '-1'))
WORK = os.path.join(os.environ.get('TMPDIR', '/tmp'), f'adversary.{os.getpid()}')
PORT = int(os.environ.get('PORT', '0')) or random.SystemRandom().randrange(10240, 32000)
SET = ['--set', 'spate.cache.bytes=4194304', '--set', 'spate.journal.bytes=8388608'] if os.environ.get('SMALL', '1') == '1' else []
os.makedirs(WORK)


class Peer:

    def __init__(self):
        self.s = socket.create_connection(('127.0.0.1', PORT), 10)
        self.s.settimeout(20)

    def ask(self, key, version, body):
        h = struct.pack('>hhih', key, version, 7, 3) + b'adv'
        self.s.sendall(struct.pack('>i', len(h) + len(body)) + h + body)
        n = struct.unpack('>i', self.take(4))[0]
        return self.take(n)[4:]

    def take(self, n):
        out = b''
        while len(out) < n:
            got = self.s.recv(n - len(out))
            if not got:
                raise EOFError('the connection was closed')
            out += got
        return out

    def close(self):
        self.s.close()


def text(s):
    return struct.pack('>h', len(s)) + s.encode()


def fetch(p, topic, part, offset, size=1 << 20):
    """Fetch v4: the error, the high watermark, the records as they came."""
    body = struct.pack('>iiiib', -1, 0, 0, size, 0) + struct.pack('>i', 1) + text(topic) + struct.pack('>iiqi', 1, part, offset, size)
    r = p.ask(1, 4, body)
    at = 4 + 4
    n = struct.unpack_from('>h', r, at)[0]
    at += 2 + n + 4 + 4
    err, hw, lso, aborted = struct.unpack_from('>hqqi', r, at)
    at += 22 + max(0, aborted) * 16
    n = struct.unpack_from('>i', r, at)[0]
    at += 4
    return (err, hw, r[at:at + n] if n > 0 else b'')


def batches(b):
    """Base offset, next offset and the bytes of each whole batch."""
    at = 0
    while len(b) - at >= 61:
        base, size = struct.unpack_from('>qi', b, at)
        if size + 12 > len(b) - at:
            break
        delta = struct.unpack_from('>i', b, at + 23)[0]
        yield (base, base + delta + 1, b[at:at + 12 + size])
        at += 12 + size


def list_offset(p, topic, part, ts):
    r = p.ask(2, 1, struct.pack('>ii', -1, 1) + text(topic) + struct.pack('>iiq', 1, part, ts))
    at = 4
    n = struct.unpack_from('>h', r, at)[0]
    at += 2 + n + 4
    _, err, _, off = struct.unpack_from('>ihqq', r, at)
    return (err, off)


def commit(p, group, topic, part, offset, meta):
    r = p.ask(8, 2, text(group) + struct.pack('>i', -1) + text('') + struct.pack('>q', -1) + struct.pack('>i', 1) + text(topic) + struct.pack('>iiq', 1, part, offset) + text(meta))
    return struct.unpack_from('>h', r, len(r) - 2)[0]


def committed(p, group, topic, part):
    r = p.ask(9, 1, text(group) + struct.pack('>i', 1) + text(topic) + struct.pack('>ii', 1, part))
    at = 4
    n = struct.unpack_from('>h', r, at)[0]
    at += 2 + n + 4
    _, off = struct.unpack_from('>iq', r, at)
    return (off, struct.unpack_from('>h', r, len(r) - 2)[0])


class Broker:

    def __init__(self, data, log):
        self.log = log
        self.f = open(log, 'w')
        atexit.register(lambda: self.p.kill())
        self.p = subprocess.Popen([SPATE, 'serve', '--data', data, '--listen', f'127.0.0.1:{PORT}'] + SET, stdout=self.f, stderr=self.f)

    def wait_up(self, seconds=20):
        for _ in range(seconds * 100):
            if 'listening on' in open(self.log, errors='replace').read():
                return True
            if self.p.poll() is not None:
                return False
            time.sleep(0.01)
        return None

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        try:
            return self.p.wait(30)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            return 'hang'

    def kill(self):
        self.p.kill()
        self.p.wait()

    def text(self):
        return open(self.log, errors='replace').read()


def run(*args, **kw):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, **kw)


def kcat(topic, part, lines, *more):
    r = subprocess.run(['kcat', '-P', '-b', f'127.0.0.1:{PORT}', '-t', topic, '-p', str(part), '-X', 'acks=all', '-K', ':'] + list(more), input='\n'.join(lines).encode() + b'\n', stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert r.returncode == 0, r.stdout.decode()[:300]


def spate(*args):
    r = run(SPATE, *args, '-b', f'127.0.0.1:{PORT}')
    assert r.returncode == 0, r.stdout.decode()[:300]
PARTS = [('small', 0), ('small', 1), ('large', 0), ('zip', 0), ('zip', 1), ('zip', 2), ('again', 0), ('quick', 0), ('kept', 0)]
GROUPS = [(f'g{i}', t, q) for i in range(6) for t, q in PARTS[:3]]


def lines(rng, n, size):
    return ['k:' + ''.join(rng.choices('abcdefghij klmno', k=max(1, rng.randrange(size)))) for _ in range(n)]


def load_some(rng, life):
    """A round of producers and commits; all of it is acknowledged when it returns."""
    for _ in range(3):
        kcat('small', 0, lines(rng, 1500, 200), '-X', 'batch.num.messages=50', '-X', 'enable.idempotence=true')
        kcat('small', 1, lines(rng, 300, 60), '-X', 'batch.num.messages=7')
        kcat('large', 0, lines(rng, 3, 400000), '-X', 'message.max.bytes=1000000')
        for i, c in enumerate(['gzip', 'lz4', 'zstd']):
            kcat('zip', i, lines(rng, 2500, 300), '-z', c, '-X', 'batch.num.messages=100')
        kcat('again', 0, lines(rng, 50, 100))
        kcat('quick', 0, lines(rng, 40, 100), '-X', 'batch.num.messages=3')
        kcat('kept', 0, lines(rng, 200, 100), '-X', 'batch.num.messages=9')
        p = Peer()
        for g, t, q in GROUPS:
            p.ask(10, 0, text(g))
            off = rng.randrange(1000)
            want_committed[g, t, q] = off
            ever_committed.add((g, t, q, off))
            for _ in range(100):
                e = commit(p, g, t, q, off, 'm')
                if e == 0:
                    break
                time.sleep(0.05)
            assert e == 0, e
        p.close()
        time.sleep(rng.random() * 0.3)


def read_all(p, t, q):
    """What there is: batches byte for byte, log start, log end."""
    _, start = list_offset(p, t, q, -2)
    _, end = list_offset(p, t, q, -1)
    out, at = ([], start)
    while at < end:
        err, hw, b = fetch(p, t, q, at)
        assert err == 0, (t, q, at, err)
        for base, nxt, raw in batches(b):
            if nxt > at:
                out.append((base, nxt, raw))
                at = nxt
    return (out, start, end)
want_committed = {}
ever_committed = set()


def make(seed, is_clean, data):
    """Fills a directory and leaves it stopped or killed; <data>.old is as it was two lives before."""
    rng = random.Random(seed)
    log = os.path.join(WORK, 'load.log')
    b = Broker(data, log)
    assert b.wait_up(), b.text()
    for t, n, c in [('small', 2, 'segment.bytes=1048576'), ('large', 1, 'segment.bytes=1048576'), ('zip', 3, 'segment.bytes=1048576'), ('again', 1, ''), ('quick', 1, 'segment.ms=300'), ('kept', 1, 'cleanup.policy=compact')]:
        spate('topic', 'create', t, '--partitions', str(n), *(['--config', c] if c else []))
    load_some(rng, 0)
    spate('topic', 'delete', 'again')
    spate('topic', 'create', 'again', '--partitions', '1')
    load_some(rng, 1)
    spate('topic', 'trim', 'small', '--to', '700', '--partition', '0')
    assert b.stop() == 0
    shutil.copytree(data, data + '.old')
    b = Broker(data, log)
    assert b.wait_up(), b.text()
    load_some(rng, 2)
    spate('topic', 'trim', 'zip', '--to', '3000', '--partition', '1')
    if not is_clean:
        time.sleep(rng.random() * 2)
        load_some(rng, 3)
    p = Peer()
    want = {(t, q): read_all(p, t, q) for t, q in PARTS}
    p.close()
    if is_clean:
        assert b.stop() == 0
    else:
        b.kill()
    return want


def files(data):
    out = []
    for d, _, names in os.walk(data):
        out += [os.path.relpath(os.path.join(d, n), data) for n in names if n != '.lock']
    return sorted(out)


def kind_of(path):
    """Files of one kind have one name but for numbers."""
    n = os.path.basename(path)
    return re.sub('^[0-9]{20}', 'N', re.sub('-\\d+$', '-S', n))
KINDS = ['flip', 'flip', 'flip', 'noise', 'zeros', 'cut', 'grow', 'empty', 'delete', 'blank', 'swap', 'old', 'move', 'double', 'rename', 'trade', 'misdirect', 'replace']
if os.environ.get('LOST') == '1':
    KINDS += ['old', 'olddir', 'old+lost', 'olddir+lost', 'trade+lost', 'swap+lost']


def choose(rng, data):
    """The damage of one story."""
    fs = files(data)
    data_like = [f for f in fs if f.endswith('.log') or 'journal' in f or 'checkpoint-' in f or ('catalog' in f)]
    f = rng.choice(data_like if rng.random() < 0.6 else fs)
    if os.environ.get('FILE'):
        f = rng.choice([x for x in fs if re.search(os.environ['FILE'], x)])
    k = os.environ.get('KIND') or rng.choice(KINDS)
    if k.endswith('+lost') and re.fullmatch('checkpoint-\\d+', f):  # it is lost already
        f = rng.choice([x for x in fs if 'checkpoint-' not in x])
    size = os.path.getsize(os.path.join(data, f))
    block = rng.choice([512, 4096, 4096, 65536, 1 << 20])
    span = size
    if 'journal' in f and rng.random() < 0.8:
        with open(os.path.join(data, f), 'rb') as h:
            b = h.read().rstrip(b'\x00')
        span = max(1, min(size, len(b) + 8192))
    at = rng.randrange(max(1, span))
    if k in ('noise', 'zeros', 'move', 'misdirect') and rng.random() < 0.8:
        at = at // 512 * 512
    same = [x for x in fs if x != f and kind_of(x) == kind_of(f)] or [x for x in fs if x != f]
    dirs = sorted({os.path.dirname(x) for x in fs if os.path.dirname(x)})
    other = rng.choice(same) if k in ('swap', 'misdirect') else rng.choice(fs)
    if k == 'swap+lost':
        logs = [x for x in fs if x.endswith('.log') and '/' in x]
        f = rng.choice(logs)
        other = rng.choice([x for x in logs if x != f and os.path.basename(x) == os.path.basename(f)] or logs)
    if k in ('rename', 'trade', 'trade+lost', 'olddir', 'olddir+lost'):
        f, other = rng.sample(dirs, 2)
    return dict(kind=k, file=f, at=at, block=min(block, max(0, size - at)), bit=rng.randrange(8), other=other, frm=rng.randrange(max(1, size)) // 512 * 512, noise=rng.getrandbits(64), n=1 + rng.randrange(8000))


def damage(m, data):
    """Does it."""
    path, other = (os.path.join(data, m['file']), os.path.join(data, m['other']))
    k, at, n = (m['kind'].split('+')[0], m['at'], m['block'])
    if m['kind'].endswith('+lost'):
        for c in os.listdir(data):
            if re.fullmatch(r'checkpoint-\d+', c):
                os.unlink(os.path.join(data, c))
    if k == 'olddir':
        old = os.path.join(BASE + '.old', m['file'])
        shutil.rmtree(path)
        if os.path.exists(old):
            shutil.copytree(old, path)
        return
    if k == 'rename':
        shutil.rmtree(other)
        os.rename(path, other)
        return
    if k == 'trade':
        os.rename(path, path + '.x')
        os.rename(other, path)
        os.rename(path + '.x', other)
        return
    if k == 'delete':
        os.unlink(path)
        return
    b = bytearray(open(path, 'rb').read())
    if k == 'flip':
        if not b:
            os.unlink(path)
            return
        b[at] ^= 1 << m['bit']
    elif k == 'noise':
        b[at:at + n] = random.Random(m['noise']).randbytes(n)
    elif k == 'zeros':
        b[at:at + n] = bytes(n)
    elif k == 'cut':
        del b[at:]
    elif k == 'grow':
        b += random.Random(m['noise']).randbytes(m['n'])
    elif k == 'double':
        b += b[-m['n']:]
    elif k == 'empty':
        b = b''
    elif k == 'blank':
        b = bytes(len(b))
    elif k == 'move':
        x = b[m['frm']:m['frm'] + n]
        b[at:at + len(x)] = x
    elif k == 'misdirect':
        x = open(other, 'rb').read()[at:at + n]
        b[at:at + len(x)] = x
    elif k == 'replace':
        b = open(other, 'rb').read()
    elif k == 'swap':
        o = open(other, 'rb').read()
        open(other, 'wb').write(b)
        b = o
    elif k == 'old':
        old = data_old(m['file'])
        if old is None:
            os.unlink(path)
            return
        b = old
    open(path, 'wb').write(b)


def data_old(f):
    """The file as it was in an earlier life, or None."""
    p = os.path.join(BASE + '.old', f)
    return open(p, 'rb').read() if os.path.exists(p) else None


class Story:

    def __init__(self, n, m, want, is_clean):
        self.n, self.m, self.want, self.bad, self.is_clean, self.notes, self.ends = (n, m, want, [], is_clean, [], {})
        self.are_starts_lost = False

    def fault(self, s):
        self.bad.append(s)


def verify(data, st):
    """What spate log verify finds, and its status."""
    r = subprocess.run([SPATE, 'log', 'verify', data, '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    if r.returncode not in (0, 4):
        st.fault(f'verify ends with {r.returncode}: {r.stderr.decode()[:300]}')
    try:
        found = json.loads(r.stdout)['findings']
    except Exception as e:
        st.fault(f'verify prints no JSON: {e} {r.stdout[:200]}')
        found = []
    return (found, r.returncode)


def is_named(found, t, q, o):
    """Does a finding of damage hold the offset, or a whole file?"""
    for f in found:
        if f['kind'] != 'damage':
            continue
        if f.get('topic') in (None, '') or f.get('from_offset') is None:
            if not f.get('topic') or (f['topic'] == t and f.get('partition') in (q, None)):
                return True
            continue
        if f['topic'] == t and f['partition'] == q and (f['from_offset'] <= o) and (f.get('to_offset') is None or o < f['to_offset']):
            return True
    return False


def look(st, life, found, lenient, before=None):
    """Reads everything and holds it against what was acknowledged. `lenient`: a loss was accepted, so what is missing is noted, not wrong. Returns the damaged offsets."""
    damaged = {}
    p = Peer()
    for (t, q), (bs, start, end) in st.want.items():
        e1, s = list_offset(p, t, q, -2)
        e2, hw = list_offset(p, t, q, -1)
        if e1 or e2:
            (st.notes.append if lenient else st.fault)(f'life {life}: {t}-{q} answers {e1}/{e2}')
            continue
        if s != start and (not lenient):
            st.fault(f'life {life}: {t}-{q} starts at {s}, not {start}')
        if s < start:
            (st.notes.append if st.are_starts_lost else st.fault)(f'life {life}: {t}-{q}: deleted records are back: start {s} < {start}')
        if life == 1 and hw != end and (not lenient):
            st.fault(f'life {life}: {t}-{q} ends at {hw}, not {end}')
        if lenient and hw < end:
            st.notes.append(f'{t}-{q} ends at {hw} of {end}')
            st.ends.setdefault((t, q), hw)
        end = min(end, st.ends.get((t, q), end))
        dam, at, i = (set(), max(s, start), 0)
        bounds = {}
        while at < min(end, hw):
            try:
                err, _, b = fetch(p, t, q, at)
            except Exception as x:
                st.fault(f'life {life}: {t}-{q}: fetch at {at}: {x!r}')
                return damaged
            if err == 2:
                dam.add(at)
                if not lenient and life == 1 and (not is_named(found, t, q, at)):
                    st.fault(f'life 1: {t}-{q}: {at} is damaged, and verify did not name it')
                    break
                at += 1
                continue
            got = [x for x in batches(b) if x[1] > at] if not err else []
            if not got:
                st.fault(f'life {life}: {t}-{q}: {at} of {hw} answers error {err}, {len(b)} bytes')
                break
            while i < len(bs) and bs[i][1] <= at:
                i += 1
            ok = True
            for base, nxt, raw in got:
                if base >= end:
                    break
                while i < len(bs) and bs[i][0] < base:
                    i += 1
                if i == len(bs) or bs[i] != (base, nxt, raw) or base > at:
                    st.fault(f'life {life}: {t}-{q}: asked at {at}, got [{base},{nxt}) that is not what was acknowledged')
                    ok = False
                    break
                at = nxt
            if not ok:
                break
        damaged[t, q] = dam
        if before is not None and before.get((t, q)) is not None and (before[t, q] != dam):
            st.fault(f'life {life}: {t}-{q}: damaged before {sorted(before[t, q])[:5]}.. ({len(before[t, q])}), now {sorted(dam)[:5]}.. ({len(dam)})')
    look_at_groups(p, st, life, found, lenient)
    p.close()
    return damaged


def look_at_groups(p, st, life, found, lenient):
    """A group has the last commit that was acknowledged, or is refused and its log named damaged. Where a loss was accepted an older one may be back, no other."""
    is_named = any((f['kind'] == 'damage' and f.get('topic') in (None, '', '__consumer_offsets') for f in found))
    for (g, t, q), off in want_committed.items():
        p.ask(10, 0, text(g))
        for _ in range(100 if not is_named else 5):
            got, e = committed(p, g, t, q)
            if e not in (14, 15, 16):
                break
            time.sleep(0.02)
        if (got, e) == (off, 0):
            continue
        is_refused = e in (14, 15, 16) and is_named
        is_older = lenient and e == 0 and (got == -1 or (g, t, q, got) in ever_committed)
        (st.notes.append if is_refused or is_older or (lenient and e) else st.fault)(f'life {life}: group {g} {t}-{q}: committed {got}, error {e}, not {off}')


def append(st, life):
    """Appends go on where each log ends."""
    for t, q in st.want:
        p = Peer()
        _, hw = list_offset(p, t, q, -1)
        p.close()
        try:
            kcat(t, q, ['k:x1', 'k:x2'])
        except Exception as e:
            st.fault(f'life {life}: append to {t}-{q}: {str(e)[:200]}')
            continue
        p = Peer()
        _, now = list_offset(p, t, q, -1)
        p.close()
        if now != hw + 2:
            st.fault(f'life {life}: {t}-{q}: an append moved the end from {hw} to {now}')


def start(data, st, what):
    """A broker that listens or has ended with a refusal; None: it hung."""
    b = Broker(data, os.path.join(WORK, 'broker.log'))
    up = b.wait_up()
    if up is None:
        st.fault(f'{what}: it hangs at the start: {b.text()[-400:]}')
        b.kill()
        return None
    if up:
        return b
    if b.p.returncode < 0 or re.search('Sanitizer|spate: bug:|Assertion', b.text()):
        st.fault(f'{what}: it crashes at the start ({b.p.returncode}): {b.text()[-600:]}')
    return b


def tell_story(n, m, base, want, is_clean):
    """One damage, two lives; the way out that a refusal names is taken."""
    st = Story(n, m, want, is_clean)
    data = os.path.join(WORK, 'data')
    shutil.rmtree(data, ignore_errors=True)
    subprocess.check_call(['cp', '-a', '--reflink=auto', '--sparse=always', base, data])
    damage(m, data)
    found, status = verify(data, st)
    dry = run(SPATE, 'log', 'repair', data, '--dry-run')
    b = start(data, st, 'life 1')
    if not b:
        return st
    lenient = False
    if b.p.poll() is not None:
        why = b.text()
        st.notes.append('refused: ' + why.strip().splitlines()[-1][:160])
        if not found:
            st.fault(f'refused, and verify found nothing: {why[-300:]}')
        if 'spate log repair' not in why and 'spate.accept.loss' not in why:
            st.fault(f'refused, with no way out: {why[-400:]}')
        dry_loss = run(SPATE, 'log', 'repair', data, '--dry-run', '--accept-loss')
        r = run(SPATE, 'log', 'repair', data)
        if r.returncode == 1:
            r = run(SPATE, 'log', 'repair', data, '--accept-loss')
        if r.returncode not in (0, 4):
            st.fault(f'repair ends with {r.returncode}: {r.stdout.decode()[-400:]}')
            return st
        st.notes.append('repair: ' + ' | '.join(r.stdout.decode().strip().splitlines()[-6:])[:500])
        lenient = True
        st.are_starts_lost = 'log-start-' in why and 'records that were deleted' in why  # named, and accepted
        b = start(data, st, 'after repair')
        if not b:
            return st
        if b.p.poll() is not None:
            st.fault(f'after repair it is refused: {b.text()[-500:]}')
            return st
    try:
        dam = look(st, 1, found, lenient)
        append(st, 1)
        if lenient:
            dam = None
    except Exception as x:
        st.fault(f'life 1: {x!r} {b.text()[-300:]}')
        dam = None
    if n % 2:
        s = b.stop()
        if s != 0:
            st.fault(f'the stop ends with {s}: {b.text()[-300:]}')
    else:
        b.kill()
    if re.search('Sanitizer|spate: bug:|Assertion', b.text()):
        st.fault('a bug is reported: ' + b.text()[-500:])
    if status == 0 and dam and any(dam.values()):
        st.fault('verify said 0')
    found2, _ = verify(data, st)
    b = start(data, st, 'life 2')
    if not b:
        return st
    if b.p.poll() is not None:
        st.fault(f'life 2 is refused: {b.text()[-500:]}')
        return st
    try:
        look(st, 2, found2, lenient, dam)
        append(st, 2)
    except Exception as x:
        st.fault(f'life 2: {x!r} {b.text()[-300:]}')
    s = b.stop()
    if s != 0:
        st.fault(f'the second stop ends with {s}: {b.text()[-300:]}')
    if dam:
        st.notes.append('damaged: ' + ', '.join((f'{t}-{q} {len(d)}' for (t, q), d in dam.items() if d)))
    return st
rng = random.Random(SEED)
total = wrong = 0
worlds = []
for is_clean in (True, False):
    base = os.path.join(WORK, 'clean' if is_clean else 'killed')
    want_committed, ever_committed = {}, set()
    w = make(SEED * 2 + is_clean, is_clean, base)
    worlds.append((base, w, (dict(want_committed), set(ever_committed)), is_clean))
    print(f'# {base}: {len(files(base))} files, {sum((len(x[0]) for x in w.values()))} batches, {sum((x[2] - x[1] for x in w.values()))} records, ends {[x[2] for x in w.values()]}', flush=True)
for n in range(STORIES):
    base, w, c, is_clean = worlds[n % 2]
    BASE = base
    want_committed, ever_committed = c
    m = choose(rng, base)
    if ONLY >= 0 and n != ONLY:
        continue
    t0 = time.time()
    st = tell_story(n, m, base, w, is_clean)
    total += 1
    wrong += bool(st.bad)
    if st.bad or os.environ.get('TELL'):
        print(f"{('WRONG' if st.bad else 'ok')} {n} {('clean' if is_clean else 'killed')} {m['kind']} {m['file']} at {m['at']} size {m['block']} bit {m['bit']} other {m['other']} ({time.time() - t0:.1f} s)")
        for s in st.bad[:6]:
            print('     ', s)
        for s in st.notes[:6]:
            print('      .', s)
        sys.stdout.flush()
    if st.bad and os.environ.get('KEEP'):
        break
print(f'# {total} stories, {wrong} wrong, seed {SEED}')
if not os.environ.get('KEEP'):
    shutil.rmtree(WORK)
sys.exit(wrong > 0)
