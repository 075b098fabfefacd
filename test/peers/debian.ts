// Programs from Debian's archive that a test needs: installed where they are missing, without starting their service.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const POLICY = '/usr/sbin/policy-rc.d';
const ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' };

/** With a policy file that forbids starting services, unless the host has one; it goes again whatever happens. */
const installing = (name: string, service?: string) => `
if [ ! -e ${POLICY} ]; then
  trap 'rm -f ${POLICY}' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > ${POLICY} && chmod 755 ${POLICY}
fi
install() { apt-get -o DPkg::Lock::Timeout=120 -y --no-install-recommends install ${name}; }
install || { apt-get update && install; }
status=$?
${service ? `update-rc.d ${service} disable` : ''}
exit $status
`;

/** `program` is the path of one of the package's programs; `service` the name of the service that it brings. */
export function requireDebian(name: string, program: string, service?: string): void {
  if (existsSync(program)) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`there is no ${program} here: install the package ${name}, or run this test as root on Debian`);
  }
  const { status, stderr } = spawnSync('/bin/sh', ['-c', installing(name, service)], {
    env: ENV,
    encoding: 'utf8',
    stdio: 'pipe',
  });
  if (status === 0 && existsSync(program)) return;
  throw new Error(`${name} is missing and cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
}
