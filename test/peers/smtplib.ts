// Mails as LinOTP's and privacyIDEA's SMTP providers send them: Debian's python3 with its own smtplib and email, called in
// the same order with the same arguments. LinOTP writes four header lines and the text by hand; privacyIDEA makes a MIME
// mail in UTF-8, whose body Python encodes in base64.
import { execFile } from 'node:child_process';
import { requireDebian } from './debian.ts';

const PYTHON = '/usr/bin/python3';

/** Reads one JSON object from stdin; ends with a line of JSON that has what the program would conclude. */
const SCRIPT = `
import json, smtplib, sys
from email.mime.text import MIMEText
from email.utils import formatdate

def linotp(c):
    fill = lambda template: template.replace('<phone>', c['phone']).replace('<otp>', c['otp'])
    to = c['mailto'].replace('<phone>', c['phone'])
    if c.get('use_ssl'):
        server = smtplib.SMTP_SSL(c['mailserver'], c['mailserver_port'], timeout=5)
    else:
        server = smtplib.SMTP(c['mailserver'], c['mailserver_port'], timeout=5)
    server.ehlo()
    if c.get('start_tls') and not c.get('use_ssl'):
        if not server.has_extn('STARTTLS'):
            raise smtplib.SMTPException('STARTTLS is not offered')
        server.starttls()
        server.ehlo()
    text = 'From: %s\\r\\nTo: %s\\r\\nSubject: %s\\r\\n\\r\\n%s' % (
        c['mailsender'], to, fill(c.get('subject', '[LinOTP]')), fill(c.get('body', '<otp>')))
    refused = server.sendmail(c['mailsender'], to, text)
    server.quit()
    return len(refused) == 0

def privacyidea(c):
    fill = lambda template: template.format(phone=c['phone'], otp=c['otp'])
    mail = MIMEText(fill(c.get('BODY', '{otp}')).encode('utf-8'), 'plain', 'utf-8')
    mail['Subject'] = fill(c.get('SUBJECT', '{phone}'))
    mail['From'] = c['sender']
    mail['To'] = fill(c['MAILTO'])
    mail['Date'] = formatdate(localtime=False)
    mail['Reply-To'] = c['sender']
    kind = smtplib.SMTP_SSL if c.get('smtps') else smtplib.SMTP
    server = kind(c['server'], c['port'], timeout=10)
    server.ehlo()
    if c.get('tls'):
        server.starttls()
    if c.get('username'):
        server.login(c['username'], c['password'])
    refused = server.sendmail(c['sender'], [fill(c['MAILTO'])], mail.as_string())
    server.quit()
    return len(refused) == 0

given = json.load(sys.stdin)
try:
    ended = {'sent': {'linotp': linotp, 'privacyidea': privacyidea}[given['as']](given)}
except smtplib.SMTPRecipientsRefused as error:
    ended = {'sent': False, 'error': type(error).__name__, 'code': list(error.recipients.values())[0][0]}
except smtplib.SMTPResponseException as error:
    ended = {'sent': False, 'error': type(error).__name__, 'code': error.smtp_code}
except Exception as error:
    ended = {'sent': False, 'error': type(error).__name__}
print(json.dumps(ended))
`;

/** What the program concludes. `error` is the exception of smtplib that ends its try, `code` the reply in it. */
export type Ended = { sent: boolean; error?: string; code?: number };

/** LinOTP's provider definition, with its keys. */
export type LinotpMail = {
  mailserver: string;
  mailserver_port: number;
  mailsender: string;
  mailto: string;
  subject?: string;
  body?: string;
  start_tls?: boolean;
  use_ssl?: boolean;
};

/** privacyIDEA's SMS gateway, and the SMTP server that its SMTPIDENTIFIER names. */
export type PrivacyideaMail = {
  server: string;
  port: number;
  sender: string;
  MAILTO: string;
  SUBJECT?: string;
  BODY?: string;
  tls?: boolean;
  smtps?: boolean;
  username?: string;
  password?: string;
};

type Message = { phone: string; otp: string };

export const linotpSends = (definition: LinotpMail, message: Message) =>
  run({ as: 'linotp', ...definition, ...message });
export const privacyideaSends = (gateway: PrivacyideaMail, message: Message) =>
  run({ as: 'privacyidea', ...gateway, ...message });

function run(given: object): Promise<Ended> {
  requireDebian('python3', PYTHON);
  return new Promise((resolve, reject) => {
    const child = execFile(PYTHON, ['-I', '-c', SCRIPT], { timeout: 20_000 }, (error, stdout, stderr) =>
      error ? reject(new Error(stderr.trim().split('\n').at(-1) ?? error.message)) : resolve(JSON.parse(stdout)),
    );
    child.stdin?.end(JSON.stringify(given));
  });
}
