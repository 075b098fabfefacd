// A preset that is one row of data: a template for each account, with rules for its answer.
import type { Preset } from './preset.ts';
import { type Template, templateAnswer, templateRequest } from './template.ts';

type Data<A> = Pick<Preset<A>, 'name' | 'source' | 'url' | 'number' | 'account' | 'secrets' | 'example' | 'balance'> & {
  /** `url` is the base address. */
  template(account: A, url: string): Template;
};

export function templated<A extends object>({ template, ...data }: Data<A>): Preset<A> {
  const rows = (account: A) => template(account, data.url);
  return {
    ...data,
    states: {},
    request: (message, account, url) => templateRequest(message, template(account, url)),
    answer: (answer, message, account) => templateAnswer(answer, message, rows(account)),
  };
}
