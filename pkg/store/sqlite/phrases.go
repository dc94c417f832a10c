package sqlite

// phrases is what reports have in common: a document of some hundred bytes
// packs to a third of what it would take without. Frames can't be read without
// it, so it may be succeeded by another under another id, but not changed.
const phrases = `"additional-information":"https://example.com/","failure-error-code":"receiving-mx-helo":"sts-webpki-invalid","dane-required","dnssec-invalid","tlsa-invalid","validation-failure","certificate-not-trusted","certificate-host-mismatch","certificate-expired","starttls-not-supported","sts-policy-invalid","sts-policy-fetch-error"
Microsoft Corporation tlsrpt-noreply@microsoft.com 3 1 1 3 0 1 2 1 1 Mail.ru tlsrpt@corp.mail.ru Comcast Mimecast postmaster@ !20 T23:59:59+00:00 T00:00:00+00:00 .json.gz
{"reportDomain":"example.com","submitter":"google.com","fromDomain":"google.com","fileName":"google.com!example.com!1546300800!1546387199!001.json.gz"}
{
  "organization-name": "Company",
  "date-range": {
    "start-datetime": "2024-01-01T00:00:00Z",
    "end-datetime": "2024-01-01T23:59:59Z"
  },
  "contact-info": "sts-reporting@company.example",
  "report-id": "2024-01-01T00:00:00Z_example.com",
  "policies": [{
    "policy": {
      "policy-type": "sts",
      "policy-string": ["version: STSv1","mode: testing","mx: *.mail.example.com","max_age: 86400"],
      "policy-domain": "example.com",
      "mx-host": ["*.mail.example.com"]
    },
    "summary": {
      "total-successful-session-count": 100,
      "total-failure-session-count": 0
    },
    "failure-details": [{
      "result-type": "certificate-expired",
      "sending-mta-ip": "2001:db8::1",
      "receiving-mx-hostname": "mx1.mail.example.com",
      "receiving-ip": "192.0.2.1",
      "failed-session-count": 1,
      "failure-reason-code": ""
    }]
  }]
}
{"organization-name":"Microsoft Corporation","date-range":{"start-datetime":"2024-01-01T00:00:00Z","end-datetime":"2024-01-01T23:59:59Z"},"contact-info":"tlsrpt-noreply@microsoft.com","report-id":"133","policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: ","max_age: 604800"],"policy-domain":"example.com","mx-host":["mail"]},"summary":{"total-successful-session-count":1,"total-failure-session-count":0}},{"policy":{"policy-type":"tlsa","policy-string":["3 1 1 "],"policy-domain":"example.com","mx-host":["mx"]},"summary":{"total-successful-session-count":1,"total-failure-session-count":0},"failure-details":[]}]}
{"organization-name":"Google Inc.","date-range":{"start-datetime":"2024-01-01T00:00:00Z","end-datetime":"2024-01-01T23:59:59Z"},"contact-info":"smtp-tls-reporting@google.com","report-id":"2024-01-01T00:00:00Z_example.com","policies":[{"policy":{"policy-type":"no-policy-found","policy-domain":"example.com"},"summary":{"total-successful-session-count":1,"total-failure-session-count":0}},{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: ","max_age: 604800"],"policy-domain":"example.com","mx-host":["`
