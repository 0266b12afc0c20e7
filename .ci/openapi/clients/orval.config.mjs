// Functions are generated for one base URL. A `PUT` with JSON and one with a form are two functions.
export default {
  accounts: {
    input: "../../../openapi.yaml",
    output: {
      target: "../../../target/clients/orval.ts",
      client: "fetch",
      baseUrl: process.env.API_URL,
      override: { splitByContentType: true },
    },
  },
};
