// The journey of an account, taken with the client of each generator.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import * as heyApi from "./hey-api";
import * as openapiFetch from "./openapi-fetch";
import * as orval from "./orval";
import * as swaggerTypescriptApi from "./swagger-typescript-api";

export interface Profile {
  email: string;
  first_name: string | null;
  avatar: string | null;
}

/** What a page does with the API. Each function but `signUp` fails where the service refuses. */
interface Client {
  /** Returns what is wrong with the address, if it is refused. */
  signUp(email: string, password: string): Promise<string[]>;
  logIn(login: string, password: string): Promise<string>;
  getProfile(token: string): Promise<Profile>;
  rename(token: string, firstName: string | null): Promise<Profile>;
  upload(token: string, avatar: File): Promise<Profile>;
  removeAvatar(token: string): Promise<Profile>;
}

async function journey(client: Client, email: string): Promise<void> {
  const password = "12345";
  assert.deepEqual(await client.signUp(email, password), []);
  assert.deepEqual(await client.signUp(email, password), ["user with this email already exists."]);
  const token = await client.logIn(email, password);
  assert.equal((await client.getProfile(token)).email, email);

  assert.equal((await client.rename(token, "Вася")).first_name, "Вася");
  const avatar = readFileSync(process.env.AVATAR!);
  const changed = await client.upload(token, new File([avatar], "avatar.png", { type: "image/png" }));
  assert.equal((await fetch(changed.avatar!)).headers.get("Content-Type"), "image/webp");
  assert.equal(changed.first_name, "Вася");
  const renamed = await client.rename(token, null);
  assert.equal(renamed.first_name, null);
  assert.equal(renamed.avatar, changed.avatar);
  assert.equal((await client.removeAvatar(token)).avatar, null);
}

const api = process.env.API_URL!;
for (const [name, client] of Object.entries<Client>({
  "openapi-fetch": openapiFetch.client(api),
  "@hey-api/openapi-ts": heyApi.client(api),
  orval: orval.client(),
  "swagger-typescript-api": swaggerTypescriptApi.client(api),
})) {
  await journey(client, `${name.replace(/\W/g, "")}@example.com`);
  console.log(`${name} signs up, logs in, reads, changes a name, uploads and removes an avatar`);
}
