// The guide's rule as a configuration file has it, for tests that look at lines and faults.
import { parseConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import { guideMail } from '../../rig/guide.ts';

export { GUIDE_TEXT } from '../../rig/guide.ts';

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

export const GUIDE_MAIL = `${guideMail()}\r\n`;
