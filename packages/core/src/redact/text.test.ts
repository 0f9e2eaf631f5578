import { describe, expect, it } from 'vitest'
import { createRedactor } from './index.ts'

const { text } = createRedactor()
const S = 'hunter2-Zebra9'

describe('text of the form name, separator, value', () => {
  it.each([
    [`{"password":"${S}","tracks":9}`, '{"password":"[redacted]","tracks":9}'],
    [`{\\"password\\":\\"${S}\\",\\"a\\":1}`, '{\\"password\\":\\"[redacted]\\",\\"a\\":1}'],
    [`{"password":"a\\"${S}","a":1}`, '{"password":"[redacted]","a":1}'],
    ['{"pin":1234,"a":2}', '{"pin":"[redacted]","a":2}'],
    [`{"tokens":["${S}","b"],"a":[1]}`, '{"tokens":"[redacted]","a":[1]}'],
    [`{"credentials":{"user":"a","x":"}"},"a":1}`, '{"credentials":"[redacted]","a":1}'],
    [`{"name":"password","value":"${S}"}`, '{"name":"password","value":"[redacted]"}'],
    [`["Accept","*/*","Cookie","sid=${S}"]`, '["Accept","*/*","Cookie","[redacted]"]'],
    [`&quot;password&quot;: &quot;${S}&quot;`, '&quot;password&quot;: &quot;[redacted]&quot;'],
    [`password=${S} user=ana`, 'password=[redacted] user=ana'],
    [`password: ${S}, user: ana`, 'password: [redacted], user: ana'],
    [`(token=${S}).`, '(token=[redacted]).'],
    [`token => "${S}"`, 'token => "[redacted]"'],
    [`API key: ${S}`, 'API key: [redacted]'],
    [`your password is abcd1234efgh, ana`, 'your password is [redacted], ana'],
    [`Cookie: a=${S}; c=d`, 'Cookie: [redacted]'],
    [`Cookie: a=${S}; c=d\nHost: x`, 'Cookie: [redacted]\nHost: x'],
    [`Authorization: Token ${S} ok`, 'Authorization: Token [redacted] ok'],
    [`Authorization: Digest username="b", response="${S}"`, 'Authorization: [redacted]'],
    [`curl -H "Authorization: ${S} x" https://a.example`, 'curl -H "Authorization: [redacted]" https://a.example'],
    [`curl -u ana:${S} https://a.example`, 'curl -u [redacted] https://a.example'],
    [`msc sync --password ${S} --all`, 'msc sync --password [redacted] --all'],
    [`https://a.example/cb#access_token=${S}&x=1`, 'https://a.example/cb#access_token=[redacted]&x=1'],
    [`https://a.example/?code=${S}&state=1`, 'https://a.example/?code=[redacted]&state=1'],
    [`https://a.example/?X-Amz-Signature=${S}`, 'https://a.example/?X-Amz-Signature=[redacted]'],
    [`code=abc123&state=1`, 'code=[redacted]&state=1'],
    [`user=ana&password=a%26b%20c&x=1`, 'user=ana&password=[redacted]&x=1'],
    [`next=%2Fcb%3Ftoken%3D${S}%26a%3D1&b=2`, 'next=%2Fcb%3Ftoken%3D[redacted]%26a%3D1&b=2'],
    ['user%5Bpassword%5D=abc', 'user%5Bpassword%5D=[redacted]'],
    [`postgres://app:p@ss/w#rd@db.internal/app`, 'postgres://[redacted]@db.internal/app'],
    [`redis://:${S}@h:6379`, 'redis://[redacted]@h:6379'],
    [`export TOKEN="${S}" && run`, 'export TOKEN="[redacted]" && run'],
    ['secret: |\n  one\n  two\nnext: 1', 'secret: |\n  [redacted]\nnext: 1'],
    ['tokens:\n  - one\n  - two\nnext: 1', 'tokens:\n  - [redacted]\nnext: 1'],
    [`where password = 'it''s ${S}' and id = 1`, "where password = '[redacted]' and id = 1"],
    [
      `insert into u (id, password) values ('7', '${S}')`,
      "insert into u (id, password) values ('[redacted]', '[redacted]')",
    ],
    [`alter user a with password '${S}'`, "alter user a with password '[redacted]'"],
    [`{"value":"${S}","type":"text","name":"password"}`, '{"value":"[redacted]","type":"text","name":"password"}'],
    [
      `{"value":"${S}","rules":[{"rule":"min","value":12}],"name":"password"}`,
      '{"value":"[redacted]","rules":[{"rule":"min","value":12}],"name":"password"}',
    ],
    [
      `{"name":"pin","tags":[{"key":"team","value":"ops"},{"name":"a"}],"value":"${S}"}`,
      '{"name":"pin","tags":[{"key":"team","value":"ops"},{"name":"a"}],"value":"[redacted]"}',
    ],
    ['- name: Cookie\n  value: a=S; b=S\n- name: PORT', '- name: Cookie\n  value: [redacted]\n- name: PORT'],
    [`[{"value":"a"},{"name":"password"},{"value":"b"}]`, '[{"value":"a"},{"name":"password"},{"value":"b"}]'],
    [`{"Name":"DB_PASSWORD","Value":"${S}"}`, '{"Name":"DB_PASSWORD","Value":"[redacted]"}'],
    [`{"name":"cookie","value":"${S}"}`, '{"name":"cookie","value":"[redacted]"}'],
    [`[["theme","dark"],["password","${S}"]]`, '[["theme","dark"],["password","[redacted]"]]'],
    ['["password","title","genre"]', '["password","title","genre"]'],
    [`["sync","--password","${S}","--all"]`, '["sync","--password","[redacted]","--all"]'],
    [`["curl","-u","ana:${S}"]`, '["curl","-u","[redacted]"]'],
    ['["sync","--token","--all"]', '["sync","--token","--all"]'],
    [
      `Content-Disposition: form-data; name="password"\r\n\r\n${S} x\r\n--b--`,
      'Content-Disposition: form-data; name="password"\r\n\r\n[redacted]\r\n--b--',
    ],
    [
      `form-data; name="token"; filename="a.txt"\nContent-Type: text/plain\n\n${S}\n--b`,
      'form-data; name="token"; filename="a.txt"\nContent-Type: text/plain\n\n[redacted]\n--b',
    ],
    [`a:\r\n  password:\r\n    ${S}\r\n  b: 1`, 'a:\r\n  password:\r\n    [redacted]\r\n  b: 1'],
    ['secret: |\r\n  one\r\n\r\n  two\r\nnext: 1', 'secret: |\r\n  [redacted]\r\nnext: 1'],
    [`- tokens:\n  - ${S}\n  a: 1\n- b`, '- tokens:\n  - [redacted]\n  a: 1\n- b'],
    [`{"a":"password:\\n  ${S}"}`, '{"a":"password:\\n  [redacted]"}'],
    [`- name: DB_PASSWORD\n  value: ${S}`, '- name: DB_PASSWORD\n  value: [redacted]'],
    [`a=1&api+key=${S}&b=2`, 'a=1&api+key=[redacted]&b=2'],
    [`a=1&api%20key=${S}`, 'a=1&api%20key=[redacted]'],
    [`a=1&api%2Bkey=${S}`, 'a=1&api%2Bkey=[redacted]'],
    [`{"log":"done\\nsk_live_abcdefgh12345678"}`, '{"log":"done\\n[redacted]"}'],
    [`<password kind="a">${S}</password>`, '<password kind="a">[redacted]</password>'],
    [`<add key="password" value="${S}"/>`, '<add key="password" value="[redacted]"/>'],
    [`/reset-password/9f86d081884c7d659a2f`, '/reset-password/[redacted]'],
  ])('hides the value in %s', (input, expected) => {
    expect(text(input)).toBe(expected)
    expect(text(expected)).toBe(expected)
  })

  it.each([
    'tokens: 1500, max_tokens=4096, "output_tokens": 12',
    '{"name":"inputTokens","value":1500} {"value":1500,"name":"tokens"}',
    'env: name: tokens, value: 12',
    'password = $1 and token = ? or pin = %s',
    '{"password":null,"token":true}',
    'code: ECONNREFUSED, key: 7, sessionId=abc',
    'at read (/srv/app/session/token.ts:12:7)',
    `SyntaxError: Unexpected token '<', "<!DOCTYPE "... is not valid JSON`,
    'curl -u ana https://a.example',
    'Basic training, bearer of news, the secret sauce',
    'https://a.example:8080/@vite/client?page=2#top',
    'the session of the visitor has ended: nothing was lost',
  ])('leaves alone %s', (input) => {
    expect(text(input)).toBe(input)
  })
})

describe('values that contain delimiters of the text around them', () => {
  const encoded = (value: unknown): string => `/graphql?variables=${encodeURIComponent(JSON.stringify(value))}&a=1`
  const hidden = (value: unknown): string => encoded(value).replace('HIDDEN', '[redacted]')

  it.each([
    ['{"value":"kV9}pR4w","name":"password"}', '{"value":"[redacted]","name":"password"}'],
    ['{"name":"password","note":"}","value":"kV9"}', '{"name":"password","note":"}","value":"[redacted]"}'],
    ['{"name":"password","note":"\\"}","value":"kV9"}', '{"name":"password","note":"\\"}","value":"[redacted]"}'],
    ["{ name: 'password', note: '}', value: 'kV9' }", "{ name: 'password', note: '}', value: '[redacted]' }"],
    ['{"note":"{\\"}","value":"kV9}p","name":"pin"}', '{"note":"{\\"}","value":"[redacted]","name":"pin"}'],
    [
      '{"b":"[{\\"name\\":\\"pin\\",\\"value\\":\\"k}9\\"},{\\"name\\":\\"a\\",\\"value\\":\\"b\\"}]"}',
      '{"b":"[{\\"name\\":\\"pin\\",\\"value\\":\\"[redacted]\\"},{\\"name\\":\\"a\\",\\"value\\":\\"b\\"}]"}',
    ],
    [encoded({ value: 'kV9}p', name: 'password' }), hidden({ value: 'HIDDEN', name: 'password' })],
    [encoded({ tokens: ['a1', "kV9'p"], b: [1] }), hidden({ tokens: 'HIDDEN', b: [1] })],
    [encoded({ credentials: { user: 'a', x: '}' } }), hidden({ credentials: 'HIDDEN' })],
    [
      '?next=https%3A%2F%2Fa.example%2Freset-password%2F9f86d081884c7d65',
      '?next=https%3A%2F%2Fa.example%2Freset-password%2F[redacted]',
    ],
    ["?a=token%20%3D%3E%20'kV9'", "?a=token%20%3D%3E%20'[redacted]'"],
    ["set password = 'kV9''#Lm2' where id = 1", "set password = '[redacted]' where id = 1"],
    ["password: 'kV9'''\nb: 2", "password: '[redacted]'\nb: 2"],
    ['password="kV9"",Lm2";b=1', 'password="[redacted]";b=1'],
    ["--password 'kV9'\\''#Lm2' --all", "--password '[redacted]' --all"],
    [`--password 'kV9'"'"'#Lm2' --all`, "--password '[redacted]' --all"],
    ["curl -u 'a:kV9'\\'', Lm2' https://a.example", "curl -u '[redacted]' https://a.example"],
    [`{"cmd":"--password 'kV9'\\\\''#Lm2' --all"}`, `{"cmd":"--password '[redacted]' --all"}`],
    ["curl -H 'X-Api-Key: kV9'\\''Lm2' x", "curl -H 'X-Api-Key: [redacted]' x"],
    ["curl -H 'X-Api-Key: kV9 Lm2' x", "curl -H 'X-Api-Key: [redacted]' x"],
    [`get https://a:${encodeURIComponent("kV9'Lm2")}@b.example/c`, 'get https://[redacted]@b.example/c'],
    ['Invalid URL: postgres://a:k<V9@b/c', 'Invalid URL: postgres://[redacted]@b/c'],
    ['{"url":"postgres://a:k\\">`V9@b/c","e":1}', '{"url":"postgres://[redacted]@b/c","e":1}'],
    ['{"url":"postgres://a:k\\\\V9@b/c","e":1}', '{"url":"postgres://[redacted]@b/c","e":1}'],
    ['postgres://a:k",V/9<@b/c ana', 'postgres://[redacted]@b/c ana'],
    ['postgres://a:12<p@q<V9@b/c ana', 'postgres://[redacted]@b/c ana'],
    [`u=${encodeURIComponent('postgres://a:k<">V9@b/c')}&e=1`, 'u=postgres%3A%2F%2F[redacted]%40b%2Fc&e=1'],
    [`postgres://a:k<${'kV9pR'.repeat(20)}`, 'postgres://[redacted]'],
    [`postgres://a:${'kV9pR'.repeat(200)}@b/c`, 'postgres://[redacted]@b/c'],
    [`postgres://a:${'kV9pR'.repeat(200)}`, 'postgres://[redacted]'],
    ['[["password","kV9\\":Lm2"]]', '[["password","[redacted]"]]'],
    ['"{&quot;pin&quot;:&quot;kV9:Lm2 x&quot;}"', '"{&quot;pin&quot;:&quot;[redacted]&quot;}"'],
    ['{&#039;pin&#039;:&#039;kV9 x&#039;}', '{&#039;pin&#039;:&#039;[redacted]&#039;}'],
    ['{&#034;pin&#034;:&#034;kV9 x&#034;}', '{&#034;pin&#034;:&#034;[redacted]&#034;}'],
    [
      '<p a="{&quot;value&quot;:&quot;a}kV9&quot;,&quot;name&quot;:&quot;pin&quot;}">',
      '<p a="{&quot;value&quot;:&quot;[redacted]&quot;,&quot;name&quot;:&quot;pin&quot;}">',
    ],
    [
      '{&quot;name&quot;:&quot;pin&quot;,&quot;a&quot;:&quot;}&quot;,&quot;value&quot;:&quot;kV9&quot;}',
      '{&quot;name&quot;:&quot;pin&quot;,&quot;a&quot;:&quot;}&quot;,&quot;value&quot;:&quot;[redacted]&quot;}',
    ],
    ['{"value":"k{`V9","name":"pin"}', '{"value":"[redacted]","name":"pin"}'],
    [`{ value: 'k{"V9', name: 'pin' }`, `{ value: '[redacted]', name: 'pin' }`],
    ['{&quot;tokens&quot;:[&quot;k]V9&quot;],&quot;a&quot;:1}', '{&quot;tokens&quot;:[redacted],&quot;a&quot;:1}'],
    [`{ tokens: [ 'k]"V9', 'Lm2' ], a: 1 }`, '{ tokens: [redacted], a: 1 }'],
    ['&lt;a:pin b&gt;kV9 Lm2&lt;/a:pin&gt; &lt;b&gt;x', '&lt;a:pin b&gt;[redacted]&lt;/a:pin&gt; &lt;b&gt;x'],
    [`{ body: '{"pin":"kV9\\\\"!Lm2","a":1}' }`, `{ body: '{"pin":"[redacted]","a":1}' }`],
    [`{ body: '{"pin":["kV9\\\\"!]Lm2"],"a":1}' }`, `{ body: '{"pin":"[redacted]","a":1}' }`],
    ['{"pin":"kV9\\\\","a":"b c"}', '{"pin":"[redacted]","a":"b c"}'],
    ['&#34;pin&#34;:&#34;kV9\\&#34; Lm2&#34;,a', '&#34;pin&#34;:&#34;[redacted]&#34;,a'],
    ["a=--password%20'kV9'%5C''Lm2'&b=1", "a=--password%20'[redacted]'&b=1"],
    [
      "insert into u (id, pin)\n                  values (1, 'kV9')",
      "insert into u (id, pin)\n                  values (1, '[redacted]')",
    ],
    ['phone: +1 (415) 555-2671, ana', 'phone: [redacted], ana'],
    ['phone: +46 (0)70 123 45 67', 'phone: [redacted]'],
    ['phone: +1 415.555.2671 home', 'phone: [redacted] home'],
    ['Stripe-Signature: t=17,v1=52ab,v0=6f\nHost: x', 'Stripe-Signature: [redacted]\nHost: x'],
    ['Signature: keyId="a",algorithm="b", signature="kV9=" x', 'Signature: [redacted] x'],
    ['Key (email, reset_token)=(x, kV9) already exists.', 'Key (email, reset_token)=([redacted]) already exists.'],
    ['Key (reset_token, email)=(kV9, x) already exists.', 'Key (reset_token, email)=([redacted]) already exists.'],
    ['a=1&password[]=kV9&token[0]=Lm2', 'a=1&password[]=[redacted]&token[0]=[redacted]'],
    ['form[plainPassword][first]=kV9&form[name][first]=a', 'form[plainPassword][first]=[redacted]&form[name][first]=a'],
    ['user%5Bpassword%5D%5Bfirst%5D=kV9&a%5Bb%5D=1', 'user%5Bpassword%5D%5Bfirst%5D=[redacted]&a%5Bb%5D=1'],
    ['password[value]=kV9&token[a][0][]=Lm2', 'password[value]=[redacted]&token[a][0][]=[redacted]'],
    ['a=1&password%5B%5D=kV9&token%5B0%5D=Lm2', 'a=1&password%5B%5D=[redacted]&token%5B0%5D=[redacted]'],
    ['["--password","kV9\\":Lm2"]', '["--password","[redacted]"]'],
  ])('hides all of the value in %s', (input, expected) => {
    expect(text(input)).toBe(expected)
    expect(text(expected)).toBe(expected)
  })

  it.each([
    "fetch('https://a.example:80','ana')",
    '{"a":"}","fields":[{"name":"password"},{"value":"dark"}]}',
    '<a href="https://x/">mail ana</a> "http://h:80","a@b" <http://h:80>a@b',
    '[d](http://h:3000)<br>a@b <loc>http://h:80</loc><m>a@b</m> <li>play://track:abc</li><li>a@b</li>',
    '{"log":"on http://h:PORT\\na@b","u":"http:\\/\\/h:80\\/p","m":"a@b","t":"see play://a:b","n":"a@b"}',
    '{"fields":"[{\\"name\\":\\"password\\"},{\\"value\\":\\"dark\\"}]"}',
    '[{"name":"cookie","value":null}]',
    'Titles:\n- Secret:\n- Harbour Lights\n- Night Drive',
    '{"log":"- Token:\\n- Harbour Lights\\n- - pin:\\n  - b"}',
    'steps:\n- password:\n  port: 80\n- pin:\n- a: 1',
    'Key (email, title)=(x, y) already exists.',
    'tracks[0] = a, time signature: a=1,b=2',
  ])('leaves alone %s', (input) => {
    expect(text(input)).toBe(input)
  })
})

it('hides every value of nested objects whose labels come last', () => {
  const nested = (value: string): string => `${`{"value":"${value}","in":`.repeat(63)}{}${',"name":"pin"}'.repeat(63)}`
  expect(text(nested('S'))).toBe(nested('[redacted]'))
})

describe('values that consist of several pieces', () => {
  it.each([
    ['pin: |2-\n    kV9\n    Lm2\na: 1', 'pin: |2-\n    [redacted]\na: 1'],
    ['pin: | # c\n  kV9\na: 1', 'pin: | # c\n  [redacted]\na: 1'],
    ['pin: &a |\n  kV9\na: 1', 'pin: &a |\n  [redacted]\na: 1'],
    ['pin: !!str >-\n  kV9\na: 1', 'pin: !!str >-\n  [redacted]\na: 1'],
    ['a:\n  - pin: kV9\n      Lm2\n      x\n    b: 1', 'a:\n  - pin: [redacted]\n      [redacted]\n    b: 1'],
    ['seed phrase: kV9 a b\n  Lm2 c\nx: 1', 'seed phrase: [redacted]\n  [redacted]\nx: 1'],
    ['{"a":"pin: kV9\\n  Lm2\\nb: 1"}', '{"a":"pin: [redacted]\\n  [redacted]\\nb: 1"}'],
    ["post(u, auth=('ana', 'kV9'))", 'post(u, auth=[redacted])'],
    [`tokens: (b'kV9', "Lm2",), a`, 'tokens: [redacted], a'],
    ["[('a', 'b'), ('pin', 'kV9')]", "[('a', 'b'), ('pin', '[redacted]')]"],
    ["[(b'cookie', b'kV9'), (b'pin', b'kV9')]", "[(b'cookie', b'[redacted]'), (b'pin', b'[redacted]')]"],
    ['PIN ?= kV9', 'PIN ?= [redacted]'],
    ['if (pin !== "kV9") a', 'if (pin !== "[redacted]") a'],
    ['curl --user=a:kV9 --all', 'curl --user=[redacted] --all'],
    ['<key>pin</key>\n<string>kV9</string><key>a</key>', '<key>pin</key>\n<string>[redacted]</string><key>a</key>'],
    ['<name>pin</name><value>kV9 x</value>', '<name>pin</name><value>[redacted]</value>'],
    ['form-data; name=pin\r\n\r\nkV9 x\r\n--b--', 'form-data; name=pin\r\n\r\n[redacted]\r\n--b--'],
    ['[{"x-api-key", "kV9"}, {"a", "b"}]', '[{"x-api-key", "[redacted]"}, {"a", "b"}]'],
    ['~ pin = "kV9" -> "Lm2"', '~ pin = "[redacted]" -> "[redacted]"'],
    ['pin: "kV9" => "Lm2" (new)', 'pin: "[redacted]" => "[redacted]" (new)'],
    ['pin = <<-EOT\n  kV9\n  Lm2\n  EOT\na = 1', 'pin = <<-EOT\n  [redacted]\n  EOT\na = 1'],
    ["pin=<<'E'\nkV9", "pin=<<'E'\n[redacted]"],
    ['pin = """\nk "V9" Lm2\n"""\na = 1', 'pin = """\n[redacted]\n"""\na = 1'],
    ['pin = """k "V9", Lm2"""; a', 'pin = """[redacted]"""; a'],
    ['["pin"]=>\n  string(3) "kV9"\n  ["a"]', '["pin"]=>\n  string(3) "[redacted]"\n  ["a"]'],
  ])('hides all of the value in %s', (input, expected) => {
    expect(text(input)).toBe(expected)
    expect(text(expected)).toBe(expected)
  })

  it.each([
    "define('pin', 'b') t(\"password\", \"Password\") ['password', 'title']",
    'Error: no pin: null\n    at read (a.js:1:2)',
    'git --user=ana, a ?= b, <key>title</key><string>Night Drive</string>, {"password":""}',
    '1 << 4, a -> "b", x = """a"""',
  ])('leaves alone %s', (input) => {
    expect(text(input)).toBe(input)
  })

  it('does not treat stack frames, members and items as part of the value above them', () => {
    for (const rest of ['\n    at read (a.js:1:2)', '\n  user: ana', '\n  - b', '\nnext line', '\n  a = 1']) {
      expect(text(`pin: kV9${rest}`)).toBe(`pin: [redacted]${rest}`)
    }
    expect(text('Error: bad pin: kV9\n  go on')).toBe('Error: bad pin: [redacted]\n  go on')
  })
})

describe('values that are recognised by their form', () => {
  it.each([
    ['ana.b+c@msc.example wrote', '[email] wrote'],
    ['åsa@öppet.example wrote', '[email] wrote'],
    ['user%40msc.example', '[email]'],
    ['"john doe"@msc.example', '[email]'],
    ['card 4242 4242 4242 4242.', 'card [card].'],
    ['378282246310005', '[card]'],
    ['30569309025904', '[card]'],
    ['6011111111111117', '[card]'],
    ['3530111333300000', '[card]'],
    ['pay DE89 3704 0044 0532 0130 00 now', 'pay [iban] now'],
    ['GB82WEST12345698765432', '[iban]'],
    ['Bearer abcdef0123456', 'Bearer [redacted]'],
    ['Basic dXNlcjpwYXNz', 'Basic [redacted]'],
    ['with sk-abcdefghijklmnopqrst here', 'with [redacted] here'],
    ['https://hooks.slack.com/services/T0/B0/abcdef', 'https://hooks.slack.com/[redacted]'],
    ['base64-eyJhbGciOiJIUzI1NiJ9x', 'base64-[redacted]'],
  ])('hides %s', (input, expected) => {
    expect(text(input)).toBe(expected)
  })

  it.each([
    'logo@2x.png, next@16.4.0_react@19.2.0, render@chunk.js, @msc/core',
    'order 1234 5678 9012 3456, 4006381333931, 012345678905, 1760000000000, 175928847299117063',
    '42424242-4242-4242-8242-424242424242, 0.4242424242424242, 4242424242424242a',
    'DE89 3704 0044 0532 0130 01, USRC17607839',
    'sk-learn, re_export_all_the_releases, key-value, pk_releases, AC/DC',
  ])('leaves alone %s', (input) => {
    expect(text(input)).toBe(input)
  })

  it('hides a private key with raw or escaped line breaks, and without its end', () => {
    const key = '-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----'
    expect(text(`a\n${key}\nb`)).toBe('a\n[redacted]\nb')
    expect(text(JSON.stringify({ key }))).toBe('{"key":"[redacted]"}')
    expect(text(`a ${key.slice(0, 40)}`)).toBe('a [redacted]')
    expect(text('-----BEGIN CERTIFICATE-----\nMIIabc')).toBe('-----BEGIN CERTIFICATE-----\nMIIabc')
  })
})

describe('a text that is cut', () => {
  const short = createRedactor({ maxString: 100 })

  it('gives its original length, and does not change when it is cleaned again', () => {
    const cut = short.text('word '.repeat(300))
    expect(cut).toMatch(/^(word ){20}… \(1500 characters\)$/)
    expect(short.text(cut)).toBe(cut)
  })

  it('is cut to the length that the caller asks for, but never beyond the limit of the redactor', () => {
    expect(short.text('word '.repeat(300), { max: 10 })).toBe('word word … (1500 characters)')
    expect(short.text('word '.repeat(300), { max: 1e6 })).toHaveLength(100 + '… (1500 characters)'.length)
    expect(short.text('a', { max: Number.NaN })).toBe('a')
    for (let before = 60; before < 100; before++) {
      const secret = 'ana.lovisa.lindqvist@msc.example'
      expect(short.text(`${'x '.repeat(before / 2)}${secret} said`, { max: 80 })).not.toMatch(/ana|lovisa|lind/)
    }
  })

  it('keeps nothing of a secret that crosses the cut', () => {
    const jwt = `eyJhbGciOiJIUzI1NiJ9.${'eyJzdWIiOiIx'.repeat(100)}.c2ln`
    for (let before = 60; before < 110; before++) {
      expect(short.text(`${'.'.repeat(before)} ${jwt}`), String(before)).not.toMatch(/eyJ/)
      expect(short.text(`${'.'.repeat(before)} ana.lind@msc.example said`), String(before)).not.toMatch(/lind@/)
    }
  })
})

it('hides a whole private key although the element around it was cut off', () => {
  const key = `-----BEGIN PRIVATE KEY-----\n${'rMiKFwSiQryTPMovSesqjmkZEE4UbomC\n'.repeat(4)}`
  expect(text(`<user><private_Key kind="a">${key}`)).toBe('<user><private_Key kind="a">[redacted]')
})

describe('text that continues over several lines', () => {
  it.each([
    ["{ pin: 'a\\n' +\n    'b\\n' +\n    \"c'd\", e: 'f' }", "{ pin: '[redacted]', e: 'f' }"],
    ["{ pin: '[redacted]' +\n    'b' }", "{ pin: '[redacted]' }"],
    ["{ pin: 'a\\n' +\n    'b", "{ pin: '[redacted]'"],
    ["{ mnemonic: 'a\\n' +\n    'b', e: 'f' }", "{ mnemonic: '[redacted]', e: 'f' }"],
    ["{\n  cookies: {\n    a: 'S',\n    b: 'S'\n  },\n  c: 1\n}", '{\n  cookies: {[redacted]},\n  c: 1\n}'],
    ["{ cookies: { a: 'S' }, c: { d: 1 } }", '{ cookies: {[redacted]}, c: { d: 1 } }'],
    ["{ seedPhrase: [\n  'a',\n  'b'\n], c: 1 }", '{ seedPhrase: [[redacted]], c: 1 }'],
    ['cookies = {\n  a = "S"\n}\nb = 1', 'cookies = {[redacted]}\nb = 1'],
    ['{"log":"cookies: {\\n  a: S\\n}","b":1}', '{"log":"cookies: {[redacted]}","b":1}'],
    ['{"log":"cookies: { a: S","b":1}', '{"log":"cookies: [redacted]","b":1}'],
    ['Cookie: {a}=b; c=S\nHost: d', 'Cookie: [redacted]\nHost: d'],
    ['cookies: {}, a: 1', 'cookies: {}, a: 1'],
    ["{ auth: Headers { a: 'S' }, b: 1 }", '{ auth: [redacted], b: 1 }'],
    ["{ auth: Creds(1) { 'S' }, b: 1 }", '{ auth: [redacted], b: 1 }'],
    ["{ secrets: [Object: null prototype] { a: 'S' }, b: 1 }", '{ secrets: [redacted], b: 1 }'],
    ["cookies: { a: 'b' } tokens: {\n  a: 'S',\n  b: 'S'\n}\nend", 'cookies: [redacted]\nend'],
    ["cookies: { a: 'b' } secrets: Set(2) {\n  'S',\n  'S'\n}", 'cookies: [redacted]'],
    ["authorization: undefined tokens: [Object: null prototype] {\n  a: 'S'\n}", 'authorization: [redacted]'],
    ['cookies: {} {"tokens": [\n  "S",\n  "S"', 'cookies: [redacted]'],
    ["cookies: { a: 'b' } release: {\n  title: 'c'\n}", "cookies: [redacted]\n  title: 'c'\n}"],
    ['Cookie: {a}=[\nHost: d', 'Cookie: [redacted]\nHost: d'],
    ["{ secrets: Set(1) { 'S' }, b: 1 }", '{ secrets: [redacted], b: 1 }'],
    ["{ secrets: Creds [Map] { 'S' }, b: 1 }", '{ secrets: [redacted], b: 1 }'],
    ['{ secret: <Buffer 73 33>, b: 1 }', '{ secret: [redacted], b: 1 }'],
    ['Authorization: Bearer abcdef\na', 'Authorization: Bearer [redacted]\na'],
    ['token=Abc {"a":1}', 'token=[redacted] {"a":1}'],
    ['a: b\npin: &pg S\nc: *pg', 'a: b\npin: [redacted]\nc: *pg'],
    ['pin: &pg "S t"\nc: 1', 'pin: "[redacted]"\nc: 1'],
    ["pin: !Sub 'S t'\nc: 1", "pin: '[redacted]'\nc: 1"],
    ['pin: &pgS', 'pin: [redacted]'],
    ['cookies: &c { a: S }\nd: 1', 'cookies: {[redacted]}\nd: 1'],
  ])('hides all of %s', (input, expected) => {
    expect(text(input)).toBe(expected)
    expect(text(expected)).toBe(expected)
  })

  it.each([
    ['Spotify token: Expired { a: 1 }', 'Spotify token: [redacted] { a: 1 }'],
    ['session: Night [Remix] { a: 1 }', 'session: [redacted] [Remix] { a: 1 }'],
    ['auth: AuthApiError [Error] { status: 400 }', 'auth: [redacted] [Error] { status: 400 }'],
    ['token: [AuthApiError: Expired] { status: 400 }', 'token: [redacted] { status: 400 }'],
    ["session: Session { title: 'a' }", "session: [redacted] { title: 'a' }"],
  ])('treats a word before a brace as the value in %s', (input, expected) => {
    expect(text(input)).toBe(expected)
    expect(text(expected)).toBe(expected)
  })

  it.each(['tokens: { prompt: 12, completion: 4 }', '{"tokens":{"prompt":12,"cached":true}}'])('keeps counts: %s', (input) => {
    expect(text(input)).toBe(input)
  }) // prettier-ignore
})

describe('text in which something other than a separator names the value', () => {
  it.each([
    ["{ name: 'auth', args: [ 'S' ] }", "{ name: 'auth', args: [redacted] }"],
    ['{"command":"AUTH","args":["ana","S"],"a":1}', '{"command":"AUTH","args":"[redacted]","a":1}'],
    ["{ args: [ '3', 'AUTH', 'ana', 'S' ], a: 1 }", "{ args: [ '3', 'AUTH', '[redacted]' ], a: 1 }"],
    ['{"args":["{\\"args\\":[\\"AUTH\\",\\"S\\"]}"]}', '{"args":["{\\"args\\":[\\"AUTH\\",\\"[redacted]\\"]}"]}'],
    ['{"args":["SET","requirepass","S"]}', '{"args":["SET","requirepass","[redacted]"]}'],
    ['{"b":"{\\"args\\":[\\"AUTH\\",\\"S\\"]}"}', '{"b":"{\\"args\\":[\\"AUTH\\",\\"[redacted]\\"]}"}'],
    ['{"args":["ana","S"],"name":"auth","a":1}', '{"args":"[redacted]","name":"auth","a":1}'],
    ["{ args: [ 'S' ], command: 'auth' }", "{ args: [redacted], command: 'auth' }"],
    ["{ args: [ 'AUTH', 'S ] x', 'S' ], a: [ 1 ] }", "{ args: [ 'AUTH', '[redacted]' ], a: [ 1 ] }"],
    ["{ args: [ 'AUTH', 'S\\n' +\n    'S' ], a: 1 }", "{ args: [ 'AUTH', '[redacted]' ], a: 1 }"],
    ["{ args: [\n  3,\n  'AUTH',\n  'S'\n] }", "{ args: [\n  3,\n  'AUTH',\n  '[redacted]'\n] }"],
    ["{ args: [ 'AUTH', 'ana', 'S", "{ args: [ 'AUTH', '[redacted]'"],
    ['{"path":["password"],"input":["S",1],"a":{}}', '{"path":["password"],"input":"[redacted]","a":{}}'],
    ['{"path":["users","2faToken"],"input":"S"}', '{"path":["users","2faToken"],"input":"[redacted]"}'],
    ['{"b":"{\\"path\\":[\\n\\"pin\\"\\n],\\"data\\":\\"S\\"}"}', '{"b":"{\\"path\\":[\\n\\"pin\\"\\n],\\"data\\":\\"[redacted]\\"}"}'],
    ['{"value":"S","path":"user.password"}', '{"value":"[redacted]","path":"user.password"}'],
    ['{"path":["password",0],"input":"S"}', '{"path":["password",0],"input":"[redacted]"}'],
    ['{"instancePath":"/a/password","data":"S"}', '{"instancePath":"/a/password","data":"[redacted]"}'],
    ["{'loc': ('body', 'pin'), 'input': 'S'}", "{'loc': ('body', 'pin'), 'input': '[redacted]'}"],
    ["{ value: 'S', originalValue: 'S', path: 'pin' }", "{ value: '[redacted]', originalValue: '[redacted]', path: 'pin' }"],
    ['"user.pin" with value "S t" fails', '"user.pin" with value "[redacted]" fails'],
    ['Validator failed for path `pin` with value `S`', 'Validator failed for path `pin` with value `[redacted]`'],
    ['Path `pin` (`S`) is shorter (12).', 'Path `pin` (`[redacted]`) is shorter (12).'],
    ['Path `pin` (1234) is less (12).', 'Path `pin` ([redacted]) is less (12).'],
    ['Path `pin` is invalid (S).', 'Path `pin` is invalid ([redacted]).'],
    ['<param name="pin">S</param>', '<param name="pin">[redacted]</param>'],
    ['<entry key="pin"><![CDATA[S<]]></entry>', '<entry key="pin"><![CDATA[[redacted]]]></entry>'],
    ['<saml:Attribute Name="pin"><saml:AttributeValue>S</a>', '<saml:Attribute Name="pin"><saml:AttributeValue>[redacted]</a>'],
    ['<name>pin</name><value>\n<string>S</string></value>', '<name>pin</name><value>\n<string>[redacted]</string></value>'],
    ['- --pin\n- S\n- --all', '- --pin\n- [redacted]\n- --all'],
    ['- "--pin"\n- "S"', '- "--pin"\n- "[redacted]"'],
  ])('hides the value in %s', (input, expected) => {
    expect(text(input)).toBe(expected)
    expect(text(expected)).toBe(expected)
  }) // prettier-ignore

  it.each([
    '{"path":"/api/token","value":3} {"path":"secret.wav","data":"a"} {"path":"masters/token","value":"a"}',
    '{"name":"Secret Song","data":"a","input":"b"} {"path":["title"],"value":"a"}',
    "{ name: 'gh', args: [ 'auth', 'login' ] } { tags: [ 'AUTH', 'a' ] }",
    'path=token value=3 and the path `src` (`a`) with value "b"',
    '<Key>secret.wav</Key><Size>12</Size><name>Secret</name><duration>3:12</duration>',
    '<input name="password"> at least 12 <a name="password">Passwords</a> <p name="pin"><b>a</b></p>',
    '<label name="password">Lösenord</label> <li name="cookies">Cookies</li> <Metadata key="signature">4/4</Metadata>',
    '<string name="token_type_hint">Minst tolv tecken</string>',
    '{"args":[{"type":"AUTH","user":"u1"}],"title":"a"}\n{"b":1}',
    '{"args":[["READ","AUTH","WRITE"]],"a":[1]} {"args":["AUTH",{"userId":"u1"}],"a":1}',
    '{"args":["server wants SMTP AUTH","smtp.msc.example"],"a":1}',
    "{ command: 'auth', args: [ 'login', '--web' ] } { command: 'auth', args: [ 'a', 'b', 'c' ] }",
    "{ args: [ 'login', '--web' ], command: 'auth' } { key: 'auth', args: [ 'a' ] }",
    '{"loc":["body","password"],"msg":"Field required","input":{"title":"a","isrc":"b"}}',
    '{"input":{"title":"a"},"path":"auth.refreshToken"} {"path":["session"],"data":[{"title":"a"}]}',
    "{ path: 'auth.token', input: Release { title: 'a' } } { path: 'token', data: Map(1) { 'a' => 1 } }",
    '{"path":["Home","The Secret Garden"],"data":"a","value":3}',
    '- --pin\n- --all\n- a',
    '- --title\n- a',
  ])('leaves alone %s', (input) => {
    expect(text(input)).toBe(input)
  })
})
