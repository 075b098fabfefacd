// Every configuration that the documents of LinOTP, privacyIDEA, Cisco (ISE with Kannel; ISE with Clickatell) and VISULOX
// print, and what becomes of it: rows, one fault, or the page that takes its place.
import { type Program, ref } from './rig.ts';

export type Printed = {
  name: string;
  program?: Program;
  text?: string;
  /** Rows by their names; `secrets` are the values set aside. */
  providers?: Record<string, unknown>;
  clients?: Record<string, unknown>;
  secrets?: string[];
  /** Notes that it must leave. */
  says?: RegExp[];
  fault?: RegExp;
  /** Where the same is done in another way: a page, and what it has of the example. */
  page?: [file: string, has: string];
  /** Why there is nothing to import. */
  nothing?: string;
  /** Printed whole: it sends as it is, see test/flows/printed.test.ts. `arrives` is what its stand-in then has. */
  complete?: true;
  arrives?: (number: string, text: string) => RegExp;
};

const SMSGATEWAY = `{"URL":"http://smsgateway.com/sms_send_api.cgi",
 "PARAMETER": {
     "from":"0170111111",
     "password":"yoursecret",
     "sender":"name",
     "account":"company_ltd"
  },
 "SMS_TEXT_KEY":"text",
 "SMS_PHONENUMBER_KEY":"destination",
 "HTTP_Method":"GET",
 "PROXY":"http://username:password@your-proxy:8080",
 "RETURN_SUCCESS":"ID"
}`;

const CLICKATELL = `{ "URL" : "http://api.clickatell.com/http/sendmsg",
 "PARAMETER" : {
 "user":"username",
 "password":"askme",
 "api_id":"12980436"
  },
  "SMS_TEXT_KEY":"text",
  "SMS_PHONENUMBER_KEY":"to",
  "HTTP_Method":"GET",
  "PROXY" : "http://user:pass@192.168.100.250:8080",
  "RETURN_SUCCESS" : "ID"
 }`;

const SMTP = `{ "mailserver" : "smtp.yourdomain.com",
  "mailsender" : "linotp@yourdomain.com",
  "mailuser" : "account-to-login-to-smtp-server",
  "mailpassword" : "somesecret",
  "mailto": "mailadress@smstp-gateway",
  "subject" : "<phone>",
  "body" : "This is your OTP-value: <otp>"
}`;

const SMPP = `{ "server":"smpp-server",
  "port":"smmp-port",
  "system_id":"login-name",
  "system_type":"",
  "password":"password",
  "source_addr":"displayed-source-address",
  "source_addr_npi":"0",
  "source_addr_ton":"5",
}`;

const REST = `{ "URL":"https://SMSPROVIDERFQDN",
 "PAYLOAD":{
      JSON-REST-DATA
  },
 "HEADERS": {
      REQUIRED-HEADER-DATA
     },
 "SMS_TEXT_KEY":"text",
 "SMS_PHONENUMBER_KEY":"to",
 "USERNAME":"NAME"
 "PASSWORD":"SECRET"
}`;

export const SWISSCOM = `{"URL":"https://messagingproxy.swisscom.ch:4300/rest/1.0.0/submit_sm/123456",
"PAYLOAD": {
  "destination_addr": "<phone>",
  "source_addr":"123456",
  "short_message": "Your OTP is: <message>",
  "source_addr_ton":6,
  "source_addr_npi":0,
  "dest_addr_ton":1,
  "dest_addr_npi":1},
"SMS_TEXT_KEY":"short_message",
"SMS_PHONENUMBER_KEY":"destination_addr",
"PASSWORD": "SECRET",
"USERNAME":"123456"
}`;

export const CLX = `{"URL": "https://api.clxcommunications.com/xms/v1/customer27421/batches",
"PAYLOAD": {
"to": ["<phone>"],
"from": "123456789",
"body":"Your OTP is: <message>"
},
"HEADERS": {
"Authorization": "Bearer e215354ab28041daa3cbf2f11cbd1257",
"Content-Type": "application/json"
},
"SMS_TEXT_KEY": "body",
"SMS_PHONENUMBER_KEY": "to"
}`;

/** A printed line inside a configuration that is complete without it. */
const inHttp = (line: string) =>
  `{"URL":"https://sms.example.com/send","HTTP_Method":"GET"${/RETURN_/.test(line) ? '' : ',"RETURN_SUCCESS":"ok"'},\n${line}\n}`;
const inSmtp = (line: string) =>
  `{"mailserver":"mail.example.com","mailsender":"a@example.com","mailto":"b@example.com","start_tls":"True",\n${line}\n}`;
const inRest = (line: string) =>
  `{"URL":"https://sms.example.com/","PAYLOAD":{"a":1},"SMS_TEXT_KEY":"text","SMS_PHONENUMBER_KEY":"to",\n${line}\n}`;

export const KANNEL = `#bearerbox
group = core
admin-port = 13000
admin-password = bar
smsbox-port = 13001
log-level = 0
log-file = "/var/log/kannel/kannel.log"
access-log = "/var/log/kannel/access.log"
# SMSC SMPP
group = smsc
smsc = smpp
host = ****.com
port = 1775
smsc-username = 4ljt7wi3
smsc-password = ******
system-type =
address-range =
# SMSBOX SETUP
group = smsbox
bearerbox-host = localhost
sendsms-port = 13013
sendsms-chars = "0123456789 +-"
global-sender = 12345
log-file = "/var/log/kannel/smsbox.log"
log-level = 0
access-log = "/var/log/kannel/access.log"
white-list =
black-list =
reply-couldnotfetch =
reply-couldnotrepresent =
reply-requestfailed =
reply-emptymessage =
# SEND-SMS USERS, this credentials has been used in wget script
group = sendsms-user
username = tester
password = foobar
user-deny-ip = "*.*.*.*"
user-allow-ip = "192.168.*.*"
# SMS SERVICE Default
# there should be default always (this is for receiving SMS messages - not used)
group = sms-service
keyword = default
text = "No service specified"
`;

const MODEM = `group = smsc
smsc = at #type = GSM
smsc-id = usb0-modem
my-number = 1234
modemtype = auto #types: wavecom, siemens, siemens-tc35, falcom,
nokiaphone, ericsson
device = /dev/ttyUSB0 #phone device seen on server
`;

/** An export of one gateway; the documents print the options. */
const gateway = (module: string, options: Record<string, string>) =>
  JSON.stringify(
    { gw: { providermodule: `privacyidea.lib.smsprovider.${module}Provider.${module}Provider`, options } },
    undefined,
    1,
  );

const PROXY = { bearer: 'http', proxy: ref('SMS_PROXY') };

export const PRINTED: Printed[] = [
  {
    name: 'LinOTP: HttpSMSProvider',
    program: 'linotp',
    text: SMSGATEWAY,
    providers: {
      sms: {
        ...PROXY,
        url: 'http://smsgateway.com/sms_send_api.cgi',
        method: 'GET',
        query: {
          destination: '{to}',
          text: '{text}',
          from: '0170111111',
          password: ref('SMS_PASSWORD'),
          sender: 'name',
          account: 'company_ltd',
        },
        answer: { status: 'any', success: { prefix: 'ID' } },
        default: true,
      },
    },
    secrets: ['yoursecret', 'http://username:password@your-proxy:8080'],
    complete: true,
    arrives: (number, text) =>
      new RegExp(
        `GET /sms_send_api.cgi\\?destination=%2B${number}&text=${text}&from=0170111111&password=yoursecret&sender=name&account=company_ltd`,
      ),
  },
  {
    name: 'LinOTP: Clickatell',
    program: 'linotp',
    text: CLICKATELL,
    providers: {
      sms: {
        ...PROXY,
        url: 'http://api.clickatell.com/http/sendmsg',
        query: { to: '{to}', text: '{text}', user: 'username', password: ref('SMS_PASSWORD'), api_id: '12980436' },
        answer: { status: 'any', success: { prefix: 'ID' } },
      },
    },
    secrets: ['askme', 'http://user:pass@192.168.100.250:8080'],
    complete: true,
    arrives: (number, text) =>
      new RegExp(`GET /http/sendmsg\\?to=%2B${number}&text=${text}&user=username&password=askme&api_id=12980436`),
  },
  {
    name: 'LinOTP: MSISDN',
    program: 'linotp',
    text: inHttp('"MSISDN":"True"'),
    providers: { sms: { number: { msisdn: true } } },
  },
  {
    name: 'LinOTP: SUPPRESS_PREFIX',
    program: 'linotp',
    text: inHttp('"SUPPRESS_PREFIX":"+49"'),
    providers: { sms: { number: { suppressPrefix: '+49' } } },
  },
  {
    name: 'LinOTP: SMS_TEXT_KEY',
    program: 'linotp',
    text: inHttp('"SMS_TEXT_KEY":"message"'),
    providers: { sms: { query: { phone: '{to}', message: '{text}' } } },
  },
  {
    name: 'LinOTP: SMS_PHONENUMBER_KEY',
    program: 'linotp',
    text: inHttp('"SMS_PHONENUMBER_KEY":"phone"'),
    providers: { sms: { query: { phone: '{to}', sms: '{text}' } } },
  },
  {
    name: 'LinOTP: RETURN_SUCCESS',
    program: 'linotp',
    text: inHttp('"RETURN_SUCCESS":"ok"'),
    providers: { sms: { answer: { status: 'any', success: { prefix: 'ok' } } } },
  },
  {
    name: 'LinOTP: RETURN_SUCCESS_REGEX',
    program: 'linotp',
    text: inHttp('"RETURN_SUCCESS_REGEX":"(result:0|success)"'),
    providers: { sms: { answer: { status: 'any', success: { regex: '(result:0|success)' } } } },
  },
  {
    name: 'LinOTP: SmtpSMSProvider',
    program: 'linotp',
    text: SMTP,
    providers: {
      sms: {
        bearer: 'smtp',
        host: 'smtp.yourdomain.com',
        security: 'none',
        user: 'account-to-login-to-smtp-server',
        password: ref('SMS_MAILPASSWORD'),
        from: 'linotp@yourdomain.com',
        to: 'mailadress@smstp-gateway',
        subject: '<phone>',
        body: 'This is your OTP-value: <otp>',
      },
    },
    secrets: ['somesecret'],
    says: [/:1: changed: mailserver: .*clear text/],
    complete: true,
    arrives: (number, text) =>
      new RegExp(
        `MAIL account-to-login-to-smtp-server linotp@yourdomain.com mailadress@smstp-gateway [\\s\\S]*Subject: \\+${number}\\r\\n[\\s\\S]*This is your OTP-value: ${text}`,
      ),
  },
  {
    name: 'LinOTP: start_tls',
    program: 'linotp',
    text: inSmtp('"start_tls":"True"'),
    providers: { sms: { security: 'starttls' } },
  },
  {
    name: 'LinOTP: certfile',
    program: 'linotp',
    text: inSmtp('"certfile":"/etc/ssl/certs/smtp_client.crt"'),
    providers: { sms: { tls: { cert: '/etc/ssl/certs/smtp_client.crt' } } },
  },
  {
    name: 'LinOTP: keyfile, misprinted as certfile',
    program: 'linotp',
    text: inSmtp('"certfile":"/etc/ssl/certs/smtp_client.crt",\n"certfile":"/etc/ssl/private/smtp_client.key"'),
    providers: { sms: { tls: { cert: '/etc/ssl/certs/smtp_client.crt', key: '/etc/ssl/private/smtp_client.key' } } },
    says: [/:3: warning: certfile is a misprint of keyfile/],
  },
  {
    name: 'LinOTP: mailserver_port',
    program: 'linotp',
    text: inSmtp('"mailserver_port":"587"'),
    providers: { sms: { port: 587 } },
  },
  {
    name: 'LinOTP: use_ssl, misprinted as user_ssl',
    program: 'linotp',
    text: inSmtp('"user_ssl":"True"'),
    providers: { sms: { security: 'tls' } },
    says: [/:2: warning: user_ssl is a misprint of use_ssl/],
  },
  {
    name: 'LinOTP: SMPPSMSProvider',
    program: 'linotp',
    text: SMPP,
    fault: /^file1:2: port: a whole number belongs here: is this still a placeholder\?$/,
  },
  {
    name: 'LinOTP: RestSMSProvider',
    program: 'linotp',
    text: REST,
    fault: /^file1:3: JSON-REST-DATA is a placeholder: write /,
  },
  {
    name: 'LinOTP: URL of CLX',
    program: 'linotp',
    text: inRest('"URL": "https://api.clxcommunications.com/xms/v1/1234567/batches",'),
    providers: { sms: { url: 'https://api.clxcommunications.com/xms/v1/1234567/batches' } },
  },
  {
    name: 'LinOTP: PAYLOAD',
    program: 'linotp',
    text: inRest(
      '"PAYLOAD": {\n        "to": ["<phone>"],\n        "from": "123456789",\n        "body":"Your OTP is: <message>"\n        },',
    ),
    providers: { sms: { json: { to: ['<phone>'], from: '123456789', body: 'Your OTP is: <message>' } } },
    says: [/changed: SMS_TEXT_KEY: PAYLOAD has no such name, but the tag/],
  },
  {
    name: 'LinOTP: HEADERS',
    program: 'linotp',
    text: inRest(
      '"HEADERS": {\n      "Authorization": "Bearer d2b5acb29a103d7e7a98ff",\n      "Content-Type": "application/json"\n      },',
    ),
    providers: { sms: { headers: { Authorization: ref('SMS_AUTHORIZATION'), 'Content-Type': 'application/json' } } },
    secrets: ['Bearer d2b5acb29a103d7e7a98ff'],
  },
  {
    name: 'LinOTP: SMS_TEXT_KEY of REST',
    program: 'linotp',
    text: inRest('"SMS_TEXT_KEY":"message"'),
    providers: { sms: { json: { a: 1, message: '{text}', to: '{to}' } } },
  },
  {
    name: 'LinOTP: SMS_PHONENUMBER_KEY of REST',
    program: 'linotp',
    text: inRest('"SMS_PHONENUMBER_KEY":"phone"'),
    providers: { sms: { json: { a: 1, text: '{text}', phone: '{to}' } } },
  },
  {
    name: 'LinOTP: USERNAME and PASSWORD, without a comma',
    program: 'linotp',
    text: inRest('"USERNAME":"customernumber"\n"PASSWORD":"secret"'),
    providers: { sms: { auth: { basic: { user: 'customernumber', password: ref('SMS_PASSWORD') } } } },
    secrets: ['secret'],
    says: [/:3: warning: a comma is missing/],
  },
  {
    name: 'LinOTP: AUTHENTICATION',
    program: 'linotp',
    text: inRest('"USERNAME":"n","AUTHENTICATION":"DIGEST"'),
    providers: { sms: { auth: { digest: { user: 'n', password: '' } } } },
  },
  {
    name: 'LinOTP: PROXY',
    program: 'linotp',
    text: inRest('"PROXY" : { "http": "http://10.10.1.10:3128", "https": "http://10.10.1.10:1080", }'),
    providers: { sms: { proxy: 'http://10.10.1.10:1080' } },
    says: [/:2: warning: a comma before the closing bracket/],
  },
  {
    name: 'LinOTP: PROXY in single quotes',
    program: 'linotp',
    text: inRest(`"PROXY" : { 'http': 'socks5://user:pass@host:port', 'https': 'socks5://user:pass@host:port' }`),
    fault: /^file1:2: PROXY: an http, https or socks5 address belongs here/,
  },
  {
    name: 'LinOTP: PROXY in single quotes, with a port',
    program: 'linotp',
    text: inRest(`"PROXY" : { 'http': 'socks5://user:pass@host:1080', 'https': 'socks5://user:pass@host:1080' }`),
    providers: { sms: { proxy: ref('SMS_PROXY') } },
    secrets: ['socks5://user:pass@host:1080'],
    says: [/:2: warning: single quotes/],
  },
  {
    name: 'LinOTP: TIMEOUT',
    program: 'linotp',
    text: inRest('"TIMEOUT":"(5,20)"'),
    providers: { sms: { connectTimeout: '5s', timeout: '25s' } },
    says: [/:2: warning: TIMEOUT: two numbers in brackets/],
  },
  {
    name: 'LinOTP: CLIENT_CERTIFICATE_FILE',
    program: 'linotp',
    text: inRest('"CLIENT_CERTIFICATE_FILE":"/etc/linotp2/sms_client_certificate.pem"'),
    providers: {
      sms: { tls: { cert: '/etc/linotp2/sms_client_certificate.pem', key: '/etc/linotp2/sms_client_certificate.pem' } },
    },
  },
  {
    name: 'LinOTP: SERVER_CERTIFICATE',
    program: 'linotp',
    text: inRest('"SERVER_CERTIFICATE":"/etc/linotp2/root_ca_bundle_sms_gateway.pem"'),
    providers: { sms: { tls: { ca: '/etc/linotp2/root_ca_bundle_sms_gateway.pem' } } },
  },
  {
    name: 'LinOTP: Swisscom',
    program: 'linotp',
    text: SWISSCOM,
    providers: {
      sms: {
        bearer: 'http',
        url: 'https://messagingproxy.swisscom.ch:4300/rest/1.0.0/submit_sm/123456',
        method: 'POST',
        json: {
          destination_addr: '<phone>',
          source_addr: '123456',
          short_message: 'Your OTP is: <message>',
          source_addr_ton: 6,
          source_addr_npi: 0,
          dest_addr_ton: 1,
          dest_addr_npi: 1,
        },
        auth: { basic: { user: '123456', password: ref('SMS_PASSWORD') } },
        answer: { status: ['2xx', '3xx'] },
      },
    },
    secrets: ['SECRET'],
    says: [/changed: SERVER_CERTIFICATE: missing: the certificate is checked/],
    complete: true,
    arrives: (number, text) =>
      new RegExp(
        `POST /rest/1.0.0/submit_sm/123456 Basic MTIzNDU2OlNFQ1JFVA== .*"destination_addr":"\\+?${number}".*"short_message":"Your OTP is: ${text}"`,
      ),
  },
  {
    name: 'LinOTP: CLX',
    program: 'linotp',
    text: CLX,
    providers: {
      sms: {
        url: 'https://api.clxcommunications.com/xms/v1/customer27421/batches',
        json: { to: ['<phone>'], from: '123456789', body: 'Your OTP is: <message>' },
        headers: { Authorization: ref('SMS_AUTHORIZATION'), 'Content-Type': 'application/json' },
      },
    },
    secrets: ['Bearer e215354ab28041daa3cbf2f11cbd1257'],
    complete: true,
    arrives: (number, text) =>
      new RegExp(
        `POST /xms/v1/customer27421/batches Bearer e215354ab28041daa3cbf2f11cbd1257 .*"to":\\["\\+?${number}"\\].*"Your OTP is: ${text}"`,
      ),
  },
  {
    name: 'LinOTP: DeviceSMSProvider',
    program: 'linotp',
    text: '{"CONFIGFILE":"/etc/linotp2/gnokiirc"}',
    providers: { sms: { bearer: 'modem', gnokii: { config: '/etc/linotp2/gnokiirc' } } },
    complete: true,
  },
  {
    name: "LinOTP: gnokii's gnokiirc",
    program: 'linotp',
    text: '[global]\nmodel = AT\nport = /dev/ttyACM1\nconnection = serial\n',
    providers: { sms: { bearer: 'modem', device: '/dev/ttyACM1' } },
    complete: true,
    arrives: (number, text) => new RegExp(`MODEM \\+?${number} ${text}`),
  },
  {
    name: 'privacyIDEA: Clickatell',
    program: 'privacyidea',
    text: gateway('HttpSMS', {
      URL: 'http://api.clickatell.com/http/sendmsg',
      HTTP_METHOD: 'GET',
      RETURN_SUCCESS: 'ID',
      user: 'YOU',
      password: 'your password',
      api_id: 'you API ID',
      text: 'Your OTP value is {otp}',
      to: '{phone}',
    }),
    providers: {
      gw: {
        bearer: 'http',
        url: 'http://api.clickatell.com/http/sendmsg',
        method: 'GET',
        query: {
          user: 'YOU',
          password: ref('GW_PASSWORD'),
          api_id: 'you API ID',
          text: 'Your OTP value is {otp}',
          to: '{phone}',
        },
        answer: { status: [200, 201, 202], success: { contains: 'ID' } },
      },
    },
    secrets: ['your password'],
    complete: true,
    arrives: (number, text) =>
      new RegExp(
        `GET /http/sendmsg\\?user=YOU&password=your\\+password&api_id=you\\+API\\+ID&text=Your\\+OTP\\+value\\+is\\+${text}&to=%2B${number}`,
      ),
  },
  {
    name: 'privacyIDEA: GTX-Messaging',
    program: 'privacyidea',
    text: gateway('HttpSMS', {
      URL: 'https://http.gtx-messaging.net/smsc.php',
      RETURN_SUCCESS: '200 OK',
      user: '<your account>',
      pass: '<the account password>',
      to: '{phone}',
      text: 'Your OTP value is {otp}.',
    }),
    providers: {
      gw: { query: { user: '<your account>', pass: ref('GW_PASS'), to: '{phone}', text: 'Your OTP value is {otp}.' } },
    },
    secrets: ['<the account password>'],
    complete: true,
    arrives: (number, text) =>
      new RegExp(`/smsc.php\\?user=%3Cyour\\+account%3E&.*to=%2B${number}&text=Your\\+OTP\\+value\\+is\\+${text}\\.`),
  },
  {
    name: 'privacyIDEA: Twilio',
    program: 'privacyidea',
    text: gateway('HttpSMS', {
      URL: 'https://api.twilio.com/2010-04-01/Accounts/AC1/Messages',
      HTTP_METHOD: 'POST',
      USERNAME: 'your accountSid',
      PASSWORD: 'your password',
      From: 'your Twilio phone number',
      Body: '{otp}',
      To: '{phone}',
    }),
    providers: {
      gw: {
        method: 'POST',
        form: { From: 'your Twilio phone number', Body: '{otp}', To: '{phone}' },
        auth: { basic: { user: 'your accountSid', password: ref('GW_PASSWORD') } },
      },
    },
    secrets: ['your password'],
    complete: true,
    arrives: (number, text) =>
      new RegExp(
        `POST /2010-04-01/Accounts/AC1/Messages Basic \\S+ From=your\\+Twilio\\+phone\\+number&Body=${text}&To=%2B${number}`,
      ),
  },
  {
    name: 'privacyIDEA: Sipgate',
    program: 'privacyidea',
    text: gateway('SipgateSMS', { USERNAME: 'me', PASSWORD: 'your password' }),
    providers: { gw: { bearer: 'http', preset: 'sipgate', account: { username: 'me', password: ref('GW_PASSWORD') } } },
    secrets: ['your password'],
    complete: true,
    arrives: (number, text) => new RegExp(`POST /RPC2 Basic \\S+ [\\s\\S]*sip:${number}@sipgate.de[\\s\\S]*${text}`),
  },
  {
    name: 'privacyIDEA: Firebase, with the options of older versions',
    program: 'privacyidea',
    text: gateway('HttpSMS', {})
      .replaceAll('HttpSMSProvider', 'FirebaseProvider')
      .replace(
        '{}',
        JSON.stringify({
          'JSON config file': '/etc/privacyidea/fcm.json',
          apikey: 'k',
          apiios: 'k',
          appid: 'a',
          appidios: 'a',
          projectid: 'p',
          projectnumber: '1',
          'registration URL': 'https://pi.example.com/ttype/push',
          'time to live': '10',
        }),
      ),
    providers: {
      gw: {
        bearer: 'push',
        serviceAccount: '/etc/privacyidea/fcm.json',
        devices: 'devices.json',
        message: 'privacyidea',
      },
    },
    says: [
      'apikey',
      'apiios',
      'appid',
      'appidios',
      'projectid',
      'projectnumber',
      'registration URL',
      'time to live',
    ].map((key) => new RegExp(`left out: ${key}: for the registration`)),
    complete: true,
  },
  {
    name: 'privacyIDEA: SMPP',
    program: 'privacyidea',
    text: gateway('SmppSMS', {
      SMSC_HOST: 'smsc.example.com',
      SMSC_PORT: '2775',
      SYSTEM_ID: 'me',
      PASSWORD: 'secret',
      S_ADDR: '12345',
    }),
    providers: {
      gw: {
        bearer: 'smpp',
        host: 'smsc.example.com',
        port: 2775,
        systemId: 'me',
        password: ref('GW_PASSWORD'),
        senders: { '*': '12345' },
      },
    },
    secrets: ['secret'],
  },
  {
    name: 'privacyIDEA: SMTP, with SMTPIDENTIFIED',
    program: 'privacyidea',
    text: JSON.stringify({
      smsgateway: JSON.parse(gateway('SmtpSMS', { SMTPIDENTIFIED: 'mail', MAILTO: '{phone}@sms.example.com' })),
      smtpserver: {
        mail: {
          server: 'mail.example.com',
          port: 587,
          username: 'pi',
          password: 'secret',
          sender: 'pi@example.com',
          tls: true,
        },
      },
    }),
    providers: {
      gw: {
        bearer: 'smtp',
        host: 'mail.example.com',
        port: 587,
        security: 'starttls',
        from: 'pi@example.com',
        to: '{phone}@sms.example.com',
        subject: '{phone}',
        body: '{otp}',
      },
    },
    secrets: ['secret'],
    says: [/warning: SMTPIDENTIFIED is a misprint/],
  },
  {
    name: 'privacyIDEA: script',
    program: 'privacyidea',
    text: gateway('ScriptSMS', { SCRIPT: 'send.sh', BACKGROUND: 'wait' }),
    providers: { gw: { bearer: 'script', script: 'send.sh' } },
    says: [/changed: scripts are run from \/etc\/privacyidea\/scripts/],
    complete: true,
  },
  {
    name: 'Cisco: kannel.conf',
    program: 'kannel',
    text: KANNEL,
    fault: /^file1:12: host: the value is hidden behind asterisks: write the true one$/,
  },
  {
    name: 'Cisco: kannel.conf, with a host and a password',
    program: 'kannel',
    text: KANNEL.replace('****.com', 'smsc.example.com').replace('******', 'a-secret'),
    providers: {
      smpp: {
        bearer: 'smpp',
        host: 'smsc.example.com',
        port: 1775,
        systemId: '4ljt7wi3',
        password: ref('SMPP_SMSC_PASSWORD'),
        bindAs: 'transmitter',
        window: 10,
      },
    },
    clients: { tester: { password: ref('TESTER_PASSWORD'), networks: ['192.168.0.0/16'], sender: '12345' } },
    secrets: ['a-secret', 'foobar'],
    says: [
      /:17: left out: address-range: /,
      /:16: taken: system-type: /,
      /:43: taken: text: is answer/,
      ...['couldnotfetch', 'couldnotrepresent', 'requestfailed', 'emptymessage'].map(
        (key) => new RegExp(`taken: reply-${key}: is empty, as unset`),
      ),
    ],
  },
  {
    name: 'Cisco: a modem at Kannel',
    program: 'kannel',
    text: MODEM,
    providers: { 'usb0-modem': { bearer: 'modem', device: '/dev/ttyUSB0', modemType: 'auto', myNumber: '1234' } },
    says: [/:6: warning: no setting: taken for the rest of the comment above/, /:4: taken: my-number/],
    complete: true,
    arrives: (number, text) => new RegExp(`MODEM \\+?${number} ${text}`),
  },
  {
    name: 'LinOTP: the policy that chooses a provider, without one',
    program: 'linotp',
    text: '[sms]\nscope = authentication\naction = sms_provider=<NAME_OF_ONE_OF_THE_CONFIGURED_PROVIDERS>\nuser = *\nrealm = *\n',
    fault: /^file1:1: there is no SMS provider in it: /,
  },
  { name: "Cisco: Postfix's main.cf and master.cf", page: ['deploy/docs/ise-by-mail.md', 'Postfix'] },
  { name: 'Cisco: .mailfilter', page: ['deploy/docs/ise-by-mail.md', 'mailfilter'] },
  { name: 'Cisco: ISE with Clickatell, HTTPS POST and GET', page: ['deploy/docs/rest.md', '/rest/message'] },
  { name: 'Cisco: ISE with Clickatell, its JSON', page: ['deploy/docs/rest.md', 'Clickatell'] },
  { name: 'VISULOX: configuration of SMSviaKannel', page: ['deploy/docs/visulox.md', 'smskannel.feedbackurl'] },
  { name: 'VISULOX: service.conf', page: ['deploy/docs/visulox.md', 'args {-interface ""}'] },
  { name: 'VISULOX: Apache in front', page: ['deploy/docs/visulox.md', '<Location /smsKannelfeedback>'] },
  { name: 'VISULOX: the text of the message', page: ['deploy/docs/visulox.md', 'VLXPIN_TEXT'] },
  { name: 'Cisco: ISE with Clickatell, its headers', page: ['deploy/docs/rest.md', 'Authorization'] },
  { name: "Cisco: the wget line of the log, and the PDU's dump", page: ['deploy/docs/scripts.md', 'sendsms'] },
  {
    name: 'Cisco: useradd, passwd, chown, touch and chmod for the mailbox of Maildrop',
    nothing: 'commands for a user and a file that are not needed: mails are read by rules of the gateway',
  },
  { name: "Cisco: Kannel's start scripts, and netstat", nothing: 'commands, and what they print' },
  { name: "Cisco: the logs of Postfix, Maildrop and Kannel's boxes", nothing: 'logs of what was sent' },
  {
    name: 'LinOTP: the class names, and Timeout of a definition (in seconds, 120 unless set)',
    program: 'linotp',
    text: `{"name":"one","providerClass":"smsprovider.HttpSMSProvider.HttpSMSProvider","timeout":"120","config":${SMSGATEWAY}}`,
    providers: { one: { bearer: 'http', timeout: '120s' } },
  },
  {
    name: 'LinOTP: the addresses that SMS_TEXT_KEY and SMS_PHONENUMBER_KEY lead to',
    nothing: 'requests that a configuration makes; test/providers/printed.test.ts compares them',
  },
  {
    name: 'LinOTP: PREFERRED_HTTPLIB, RETURN_FAIL and RETURN_FAIL_REGEX',
    nothing: 'described, and no value is printed; linotp.test.ts imports them',
  },
  {
    name: 'privacyIDEA: the address that the Clickatell gateway calls',
    nothing: 'the request that a configuration makes; test/providers/printed.test.ts compares it',
  },
  { name: 'VISULOX: SMSviaKannel.tcl', page: ['deploy/docs/visulox.md', 'visulox-sms'] },
];
