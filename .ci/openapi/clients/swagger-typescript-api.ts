import { Api, ContentType, type SignUpErrors } from "../../../target/clients/swagger-typescript-api";

export function client(baseUrl: string) {
  const api = new Api<string>({
    baseUrl,
    securityWorker: (token) => ({ headers: { Authorization: `JWT ${token}` } }),
  });

  return {
    async signUp(email: string, password: string) {
      try {
        await api.createUser.createUser({ email, password });
        return [];
      } catch (refusal) {
        const { error } = refusal as { error: SignUpErrors };
        return error.email ?? [];
      }
    },

    async logIn(login: string, password: string) {
      return (await api.obtainToken.obtainToken({ login, password })).data.token;
    },

    async getProfile(token: string) {
      api.setSecurityData(token);
      return (await api.getProfile.getProfile()).data;
    },

    async rename(token: string, first_name: string | null) {
      api.setSecurityData(token);
      return (await api.updateProfile.updateProfile({ first_name })).data;
    },

    async upload(token: string, avatar: File) {
      api.setSecurityData(token);
      // The parameter has the type of the JSON.
      const form = { avatar } as object;
      return (await api.updateProfile.updateProfile(form, { type: ContentType.FormData })).data;
    },

    async removeAvatar(token: string) {
      api.setSecurityData(token);
      return (await api.updateProfile.updateProfile({ avatar: null })).data;
    },
  };
}
