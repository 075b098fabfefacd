// The guest portal's mail as Cisco's guide for ISE and Kannel describes it, the rule for it, and the text and short_message
// that the guide prints.

export const GUIDE_RULE = {
  name: 'ise-guest',
  client: 'ise',
  networks: ['127.0.0.1'],
  when: { to: '^sms@', subject: 'Guest.*Text.*Notification' },
  pick: ['^to:(?P<to>.*)$', '^text:Username:(?P<username>.*)$', '^text:Password:(?P<password>.*)$'],
  number: '{to}',
  text: 'ISE Guest portal Username: {username} Password: {password}',
};

export const SPONSOR = 'sponsor@test-cisco.com';
export const SMS_ADDRESS = 'sms@test-cisco.com';
export const GUIDE_TEXT = 'ISE Guest portal Username:  jsmith02 Password:  t6ub79_6r';

/** What the sandbox SMSC shows of the guide's PDU. */
export const GUIDE_PDU = {
  source: { ton: 2, npi: 1, addr: '12345' },
  dest: { ton: 2, npi: 1, addr: '48501234567' },
  serviceType: '',
  esmClass: 3,
  protocolId: 0,
  priorityFlag: 0,
  scheduleDeliveryTime: '',
  validityPeriod: '',
  registeredDelivery: 0,
  dataCoding: 0,
};
export const GUIDE_SHORT_MESSAGE =
  '49534520477565737420706f7274616c20557365726e616d653a20206a736d697468303220' +
  '50617373776f72643a2020743675623739113672';

let count = 0;

/** With a Message-ID of its own unless `id` names one, and without a last line end. */
export const guideMail = ({
  id = `<${++count}.${process.pid}.JavaMail.root@ise2>`,
  subject = 'Guest Text Notification',
  to = '48501234567',
  password = ' t6ub79_6r',
} = {}): string =>
  [
    `From: ${SPONSOR}`,
    `To: ${SMS_ADDRESS}`,
    `Message-ID: ${id}`,
    `Subject: ${subject}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `to:${to}`,
    'text:Username: jsmith02',
    `text:Password:${password}`,
  ].join('\r\n');
