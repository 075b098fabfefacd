// Every service by its name: what `host.ts` and the one-box runner can start. A service is loaded only when it is named.
import type { Service } from '#shared/service.ts';

export const SERVICES: Record<string, () => Promise<Service>> = {
  ledger: async () => (await import('../services/ledger/main.ts')).ledger,
  notifier: async () => (await import('../services/notifier/main.ts')).notifier,
  router: async () => (await import('../services/router/main.ts')).router,
  'egress-smpp': async () => (await import('../services/egress-smpp/main.ts')).egressSmpp,
  'egress-smtp': async () => (await import('../services/egress-smtp/main.ts')).egressSmtp,
  'egress-script': async () => (await import('../services/egress-script/main.ts')).egressScript,
  'egress-push': async () => (await import('../services/egress-push/main.ts')).egressPush,
  'egress-http': async () => (await import('../services/egress-http/main.ts')).egressHttp,
  'ingress-dlr': async () => (await import('../services/ingress-dlr/main.ts')).ingressDlr,
  'egress-modem': async () => (await import('../services/egress-modem/main.ts')).egressModem,
  'ingress-smtp': async () => (await import('../services/ingress-smtp/main.ts')).ingressSmtp,
  'ingress-smpp': async () => (await import('../services/ingress-smpp/main.ts')).ingressSmpp,
  'ingress-http': async () => (await import('../services/ingress-http/main.ts')).ingressHttp,
  console: async () => (await import('../services/console/main.ts')).consoleService,
};
