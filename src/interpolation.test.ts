import { interpolateFilters } from './interpolation';
import { fakeTemplateSrv, type FakeVariable } from './test/templateSrv';
import { type Operator } from './types';

const VARIABLES: Record<string, FakeVariable> = {
  domain: { value: 'example.com' },
  domains: { value: ['example.com', 'example.org'], multi: true },
  hosts: { value: ['mx1', 'mx2'], multi: true },
  everything: { value: ['example.com', 'example.org'], text: 'All', multi: true },
  everythingOfOne: { value: ['example.com'], text: 'All', multi: true },
  namedAll: { value: 'All', text: 'All' },
  empty: { value: '' },
  pattern: { value: '^mx\\d' },
};

function interpolate(values: string[], operator: Operator = '=') {
  const [filter] = interpolateFilters([{ dimension: 'policyDomain', operator, values }], fakeTemplateSrv(VARIABLES));
  return filter?.values;
}

describe('interpolateFilters', () => {
  const cases: Array<[string, string[], string[] | undefined]> = [
    ['keeps a value without a variable', ['example.net'], ['example.net']],
    ['puts in the value of a variable', ['$domain'], ['example.com']],
    ['takes the form in braces', ['${domain}'], ['example.com']],
    ['makes several values of a variable that has several', ['$domains'], ['example.com', 'example.org']],
    ['keeps values beside a variable', ['example.net', '$domain'], ['example.net', 'example.com']],
    [
      'combines variables inside of a value',
      ['$hosts.$domains'],
      ['mx1.example.com', 'mx1.example.org', 'mx2.example.com', 'mx2.example.org'],
    ],
    ['drops the filter for All', ['$everything'], undefined],
    ['drops the filter for All also when there is one value', ['$everythingOfOne'], undefined],
    ['drops the filter for All beside other values', ['example.net', '${everything}'], undefined],
    ['keeps a value that is the word All', ['$namedAll'], ['All']],
    ['leaves out a value that comes out empty', ['$empty'], []],
    ['leaves an unknown variable as it is', ['$unknown'], ['$unknown']],
    ['obeys a format that the value names itself', ['${domains:csv}'], ['example.com,example.org']],
  ];
  it.each(cases)('%s', (_, values, want) => {
    expect(interpolate(values)).toEqual(want);
  });

  it('escapes what a list gives to a regular expression', () => {
    expect(interpolate(['^$domains$'], '=~')).toEqual(['^example\\.com$', '^example\\.org$']);
  });

  it('does not escape what a person typed', () => {
    expect(interpolate(['$pattern'], '!~')).toEqual(['^mx\\d']);
  });

  it('prefers the value that a repeated panel has', () => {
    const filter = { dimension: 'policyDomain' as const, operator: '=' as const, values: ['$everything'] };
    const scopedVars = { everything: { value: 'example.org', text: 'example.org' } };
    const [{ values }] = interpolateFilters([filter], fakeTemplateSrv(VARIABLES), scopedVars);
    expect(values).toEqual(['example.org']);
  });
});
