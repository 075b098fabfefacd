// The guest portal's mail as Cisco's guide for ISE and Kannel describes it, and the rule that ships for it.
import { parseConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';

/** `settings` goes below `mail.rules`, which begins the file's second half. */
export const guideYaml = (more = '') => `
clients:
  ise:
    password: guest-portal
    sender: "12345"
mail:
  rules:
    - name: ise-guest
      client: ise
      networks: [127.0.0.0/8]
      when:
        subject: 'Guest.*Text.*Notification'
      pick:
        - '^to:(?P<to>.*)$'
        - '^text:Username:(?P<username>.*)$'
        - '^text:Password:(?P<password>.*)$'
      number: '{to}'
      text: 'ISE Guest portal Username: {username} Password: {password}'
${more}`;

export const configOf = (yaml: string): Config => parseConfig(yaml, 'gateway.yaml', {});

export const GUIDE_MAIL = [
  'From: sponsor@test-cisco.com',
  'To: sms@test-cisco.com',
  'Subject: Guest Text Notification',
  'Message-ID: <563762958.941385847586377.JavaMail.root@ise2>',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=us-ascii',
  '',
  'to:48501234567',
  'text:Username: jsmith02',
  'text:Password: t6ub79_6r',
  '',
].join('\r\n');

export const GUIDE_TEXT = 'ISE Guest portal Username:  jsmith02 Password:  t6ub79_6r';
