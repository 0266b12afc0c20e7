// A `cargo dev` to test against, and what a test has to do behind the page's back.

import { spawn } from "node:child_process";
import { createHash, createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import { AwsClient } from "aws4fetch";

const BINARY =
  process.env.CARGO_DEV ?? new URL("../../target/debug/local", import.meta.url).pathname;

const SITE = new URL("../", import.meta.url);

export class Service {
  /** Starts a stack that keeps nothing; `variables` are added to its environment. */
  static async start(variables = {}) {
    const child = spawn(BINARY, ["--in-memory", "--port", "0"], {
      env: { ...process.env, ...variables },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const service = new Service();
    service.child = child;
    for await (const line of createInterface(child.stdout)) {
      service.url ??= /listens on (\S+)/.exec(line)?.[1];
      service.folder = /avatar=@(.+)\/avatar\.png/.exec(line)?.[1];
      if (service.folder) {
        break;
      }
    }
    if (!service.folder) {
      throw new Error("cargo dev ended before it was ready");
    }
    // Read the rest of its log, or the process blocks on a full pipe.
    child.stdout.resume();
    const file = readFileSync(`${service.folder}/lambda.env`, "utf8");
    service.variables = Object.fromEntries(
      Array.from(file.matchAll(/^(\w+)='(.*)'$/gm), ([, name, value]) => [name, value]),
    );
    service.aws = new AwsClient({
      accessKeyId: service.variables.AWS_ACCESS_KEY_ID,
      secretAccessKey: service.variables.AWS_SECRET_ACCESS_KEY,
      region: service.variables.AWS_REGION,
      service: "dynamodb",
    });
    return service;
  }

  async stop() {
    this.child.kill();
    await once(this.child, "exit");
  }

  /** The picture that `cargo dev` brings along. */
  get picture() {
    return `${this.folder}/avatar.png`;
  }

  async post(path, body) {
    return fetch(this.url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  /** Somebody who has an account. */
  async member(person = newPerson()) {
    await this.post("/create_user/", person);
    const answer = await this.post("/obtain_token/", { login: person.email, password: person.password });
    const { token } = await answer.json();
    return { ...person, token, claims: claimsOf(token) };
  }

  /** The token of `member` as it would be a day after it has expired. */
  expiredToken(member) {
    return this.sign(member, { exp: Math.floor(Date.now() / 1000) - 86_400 });
  }

  /** The token of `member` with `changes` to its claims, signed with `key`. */
  sign({ token, claims }, changes, key = this.variables.JWT_SECRET) {
    const [header] = token.split(".");
    const payload = Buffer.from(JSON.stringify({ ...claims, ...changes })).toString("base64url");
    const signature = createHmac("sha256", key).update(`${header}.${payload}`).digest("base64url");
    return `${header}.${payload}.${signature}`;
  }

  /** Makes `failures` log-ins in a row have failed on `email`, the last one just now. */
  failLogIns(email, failures) {
    return this.dynamodb("PutItem", {
      TableName: this.variables.ATTEMPTS_TABLE,
      Item: {
        login: { S: createHash("sha256").update(`email:${email}`).digest("hex") },
        failures: { N: `${failures}` },
        last_ms: { N: `${Date.now()}` },
        expires: { N: `${Math.floor(Date.now() / 1000) + 86_400}` },
      },
    });
  }

  /** Shuts `member` out, as an operator can. */
  disable({ claims }) {
    return this.dynamodb("UpdateItem", {
      TableName: this.variables.USERS_TABLE,
      Key: { uuid: { S: claims.user_id } },
      UpdateExpression: "SET disabled = :true",
      ExpressionAttributeValues: { ":true": { BOOL: true } },
    });
  }

  async dynamodb(action, body) {
    const answer = await this.aws.fetch(this.variables.AWS_ENDPOINT_URL_DYNAMODB, {
      method: "POST",
      headers: {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": `DynamoDB_20120810.${action}`,
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) {
      throw new Error(await answer.text());
    }
  }
}

/** The claims of a token. */
export function claimsOf(token) {
  const [, claims] = token.split(".");
  return JSON.parse(Buffer.from(claims, "base64url"));
}

export function newPerson() {
  const username = `ada-${randomUUID().slice(0, 8)}`;
  return { username, email: `${username}@example.com`, password: "correct horse battery staple" };
}

/** Serves the frontend as any static host would, from an origin of its own. */
export class StaticHost {
  static async start() {
    const host = new StaticHost();
    host.server = createServer((request, response) => {
      const name = request.url === "/" ? "index.html" : request.url.slice(1);
      response.setHeader("Content-Type", TYPES[name.split(".").pop()]);
      const content = readFileSync(new URL(name, SITE), "utf8");
      response.end(content.replace('API_URL = ""', `API_URL = "${host.apiUrl}"`));
    }).listen(0, "127.0.0.1");
    await once(host.server, "listening");
    host.url = `http://127.0.0.1:${host.server.address().port}`;
    return host;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

const TYPES = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};
