import { expect, test as setup } from '@grafana/plugin-e2e';

import { SIGNED_IN } from '../playwright.config';

setup('sign in', async ({ request, user }) => {
  const response = await request.post('/login', { data: user });
  expect(response.ok(), await response.text()).toBe(true);
  await request.storageState({ path: SIGNED_IN });
});
