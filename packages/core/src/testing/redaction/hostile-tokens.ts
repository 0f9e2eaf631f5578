/**
 * Pieces of text that are, when repeated, the worst input for a rule of redaction: the beginning of each form, and what
 * may come between its parts. Repeat one to any length and compare the time with that of prose of the same length.
 */
export const hostileTokens: readonly string[] = [
  'a', 'a@', '@', 'a@b.', 'a@b.co ', 'eyJ', 'eyJ.', 'token', 'token ', 'token=', 'token: "', 'key=', '&key=', '&key', '?a=',
  'x://', 'x://a:b', 'x://a:b@', ':', '=', '"', '\\"', "'", '0', '1 ', '4242', '4242 ', 'DE89 ', '-----BEGIN ',
  '-----BEGIN PRIVATE KEY-----', '%40', '%3D', '%2540', '%', '#', ' ', '.', '-', '_', 'sk-', '<', '<a', '<token', '[', '{',
  'password=[', 'Bearer ', 'Basic ', '-u a:', '--token ', '\n', 'token:\n ', 'cookie: ', '"cookie: \n', 'é', '\ud800',
  'values (', '(a) values', "-b '", '-b "-u \'', '"cookie","', 'name="', 'token=[[', '\\u0022', 'token: |\n a\n', 'token=1 2 ', 'abcd=', 'api key:', '&quot;', '/', 'token/', 'hooks.slack.com/', '[redacted]', ') values', 'Basic+', 'Basic YTpia.b@(', '"cookie","Authorization: </', '<token><![CDATA[',
  '6011 ', 'MT84 ', 'GT84 ', '%25_@', '%22token%22%3A%22', '<token>', 'token is ', "by '", 'token:\n - a\n',
  'a@b.%', '"--password","', '"-u","a:', '{"value":"a","name":"password"},', '{"value":"', 'form-data; name="password"\n',
  '["password","x"],', '[["password",\\"a', 'rawHeaders":["cookie","', 'token:\\n a\\n', 'api+key=', 'api%20key=', 'sk-a-', 'npm_a-',
  're_aaaaaaaa_', 'SG.aa', '{"a":"}', '{"', '%7B%22', '%7B', '}', "x://a'b:", 'x%3A%2F%2Fa:b', 'a:%2F%2F', '(token)=(', '(a)=(',
  'sig: a=1,b=', 'sig: a=1,', "pin: ''", "'\\''", '"token: \'\\\'\'', 'pin: &quot;', '-u &#39;a', 'pin[]=', 'pin: 1 (', '%22pin%22%3A%5B',
  'x://a:b<', 'x://a:b",', '{"value":1,"a":{"name":"pin",', 'pin[a][', '(',
  'pin="""', 'pin=<<A\n', 'pin=(\'a\' ', 'pin: a\n  b\n', '&lt;pin&gt;', '<key>pin</key><a>', '("pin","', 'pin="a" -> ',
  "pin='a' + ", "pin='a' +\n", 'cookie: {', '"cookie: { ', 'cookie: {} ', 'pin: Map(1) {', 'pin: [A] ', 'pin: <Buffer ', 'tokens: {a:1,', 'pin: &a ',
  '{"args":["AUTH",', "args:['", '{"name":"auth","args":[', '{"path":["pin"],', '{"path":["', '{"path":"a/', '{"data":"a","path":"pin"},', '{"input":1,',
  '<a name="pin" ', '<p name="pin">', '<p name="pin"><value>', '<key>pin</key><value>', '"pin" with value "', 'a" with value "', 'Path `pin` (`', '- --pin\n- ', '--pin\n',
  'cookies: {} pin: {\n', 'cookies: {} pin: {}\n', '{"args":["a"],"name":"auth"},', 'args:["\\"', '{"input":["a",', "{args: ['args: ['", '{"path":["a b",',
] // prettier-ignore
