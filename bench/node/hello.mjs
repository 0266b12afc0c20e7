// The least that a function in JavaScript can be.
export const handler = async () => ({ statusCode: 200, body: "hello" });
