// What the page says, in English and Russian.

const TEXTS = {
  en: {
    title: "Accounts",
    language: "Language",
    log_in: "Log in",
    log_in_title: "Log in",
    log_in_lead: "Welcome back.",
    log_out: "Log out",
    sign_up: "Sign up",
    sign_up_title: "Sign up",
    sign_up_lead: "An e-mail address and a password are all it takes.",
    to_sign_up: "No account yet?",
    to_log_in: "Registered already?",
    login: "E-mail or username",
    email: "E-mail",
    username: "Username",
    optional: "optional",
    password: "Password",
    show: "Show",
    show_password: "Show password",
    profile: "Your profile",
    profile_lead: "Only what you change is sent. Empty a field to clear it.",
    first_name: "First name",
    last_name: "Last name",
    patronymic: "Patronymic",
    id: "ID",
    save: "Save",
    saved: "Saved.",
    unchanged: "Nothing has changed.",
    avatar: "Picture",
    avatar_choose: "Choose a picture",
    avatar_remove: "Remove",
    avatar_hint: "JPEG, PNG, WebP or GIF, up to 4\u00a0MiB.",
    avatar_drop: "Drop one anywhere on this page.",
    avatar_uploading: "Uploading…",
    avatar_saved: "The picture is saved.",
    avatar_removed: "The picture is removed.",
    loading: "Loading…",
    failed: "Something went wrong",
    try_again: "Try again",
    try_again_in: (n) => `Try again in ${n} s`,
    try_again_now: "You can try again now.",
    locked_out: "Too many attempts. Wait until the button counts down to zero.",
    created: "Your account is ready. Log in.",
    logged_out: "You are logged out.",
    session_over: "Your session has ended. Log in again.",
    unreachable: "The service cannot be reached. Check your connection and try again.",
    unexpected: "Something went wrong. Try again.",
  },
  ru: {
    title: "Аккаунты",
    language: "Язык",
    log_in: "Войти",
    log_in_title: "Вход",
    log_in_lead: "С возвращением.",
    log_out: "Выйти",
    sign_up: "Зарегистрироваться",
    sign_up_title: "Регистрация",
    sign_up_lead: "Нужны только адрес почты и пароль.",
    to_sign_up: "Ещё не зарегистрированы?",
    to_log_in: "Уже зарегистрированы?",
    login: "Почта или имя пользователя",
    email: "Электронная почта",
    username: "Имя пользователя",
    optional: "необязательно",
    password: "Пароль",
    show: "Показать",
    show_password: "Показать пароль",
    profile: "Ваш профиль",
    profile_lead: "Отправляется только то, что изменено. Чтобы стереть значение, очистите поле.",
    first_name: "Имя",
    last_name: "Фамилия",
    patronymic: "Отчество",
    id: "ID",
    save: "Сохранить",
    saved: "Сохранено.",
    unchanged: "Ничего не изменилось.",
    avatar: "Фото",
    avatar_choose: "Выбрать фото",
    avatar_remove: "Убрать",
    avatar_hint: "JPEG, PNG, WebP или GIF, до 4\u00a0МиБ.",
    avatar_drop: "Можно перетащить на эту страницу.",
    avatar_uploading: "Загружается…",
    avatar_saved: "Фото сохранено.",
    avatar_removed: "Фото убрано.",
    loading: "Загружается…",
    failed: "Что-то пошло не так",
    try_again: "Повторить",
    try_again_in: (n) => `Повторить через ${n} с`,
    try_again_now: "Можно попробовать снова.",
    locked_out: "Слишком много попыток. Подождите, пока кнопка отсчитает время до нуля.",
    created: "Аккаунт создан. Войдите.",
    logged_out: "Вы вышли.",
    session_over: "Сеанс завершён. Войдите снова.",
    unreachable: "Сервис недоступен. Проверьте соединение и повторите попытку.",
    unexpected: "Что-то пошло не так. Повторите попытку.",
  },
};

// The service speaks English. A name in braces stands for what differs from one answer to the next,
// and is handed to the translation in the order in which it stands.
const SERVICE_TEXTS = {
  ru: {
    "User succesfully created": "Аккаунт создан",
    "Please provide right login and a password": "Неверный логин или пароль",
    "Authentication credentials were not provided.": "Учётные данные не были предоставлены.",
    "Invalid Authorization header. No credentials provided.":
      "Недопустимый заголовок Authorization. Не предоставлены учётные данные.",
    "Invalid Authorization header. Credentials string should not contain spaces.":
      "Недопустимый заголовок Authorization. Учётные данные не должны содержать пробелов.",
    "Signature has expired.": "Срок действия сеанса истёк.",
    "Error decoding signature.": "Не удалось прочитать подпись.",
    "Incorrect authentication credentials.": "Некорректные учётные данные.",
    "Invalid payload.": "Недопустимое содержимое токена.",
    "Invalid signature.": "Недопустимая подпись.",
    "User account is disabled.": "Аккаунт отключён.",
    "JSON parse error - {reason}": (reason) => `Ошибка разбора JSON: ${reason}`,
    "Multipart form parse error - {reason}": (reason) => `Ошибка разбора формы: ${reason}`,
    "Invalid data. Expected a dictionary, but got {type}.": (type) =>
      `Недопустимые данные. Ожидался объект, получено: ${type}.`,
    "No data provided": "Данные не предоставлены",
    'Unsupported media type "{type}" in request.': (type) => `Неподдерживаемый тип данных «${type}».`,
    'Method "{method}" not allowed.': (method) => `Метод «${method}» не разрешён.`,
    "Not found.": "Не найдено.",
    "Request was throttled. Expected available in {n} seconds.": (n) =>
      `Слишком много запросов. Повторите через ${n} ${plural(n, "секунду", "секунды", "секунд")}.`,
    "Request was throttled. Expected available in 1 second.":
      "Слишком много запросов. Повторите через 1 секунду.",
    "Request body is too large.": "Запрос слишком велик.",
    "Service temporarily unavailable, try again later.":
      "Сервис временно недоступен, повторите попытку позже.",
    "A server error occurred.": "Произошла ошибка сервера.",
    "This field is required.": "Обязательное поле.",
    "This field may not be null.": "Это поле не может быть null.",
    "This field may not be blank.": "Это поле не может быть пустым.",
    "Not a valid string.": "Не является допустимой строкой.",
    "Enter a valid email address.": "Введите правильный адрес электронной почты.",
    "Ensure this field has no more than {n} characters.": (n) =>
      `В этом поле может быть не больше ${n} ${plural(n, "символа", "символов", "символов")}.`,
    "Ensure this field has at least {n} characters.": (n) =>
      `В этом поле должно быть не меньше ${n} ${plural(n, "символа", "символов", "символов")}.`,
    "Enter a valid username. This value may contain only letters, numbers, and ./+/-/_ characters.":
      "Введите правильное имя пользователя. Оно может состоять только из латинских букв, цифр и знаков ./+/-/_.",
    "Null characters are not allowed.": "Нулевые символы не допускаются.",
    "Control characters are not allowed.": "Управляющие символы не допускаются.",
    "user with this email already exists.": "Пользователь с такой почтой уже существует.",
    "A user with that username already exists.": "Пользователь с таким именем уже существует.",
    "This password is too short. It must contain at least {n} characters.": (n) =>
      `Пароль слишком короткий. В нём должно быть не меньше ${n} ${plural(n, "символа", "символов", "символов")}.`,
    "This password is too common.": "Этот пароль слишком распространён.",
    "This password is entirely numeric.": "Пароль состоит только из цифр.",
    "The password is too similar to the email.": "Пароль слишком похож на адрес почты.",
    "The password is too similar to the username.": "Пароль слишком похож на имя пользователя.",
    "The submitted data was not a file. Check the encoding type on the form.":
      "Отправлен не файл. Проверьте тип кодировки формы.",
    "The submitted file is empty.": "Отправленный файл пуст.",
    "Upload a valid image. The file you uploaded was either not an image or a corrupted image.":
      "Загрузите правильное изображение. Этот файл повреждён или не является изображением.",
    "Ensure this file is no larger than {size}.": (size) =>
      `Файл может быть не больше ${size.replace("MiB", "МиБ")}.`,
    "Ensure this image is no larger than {side} pixels and {area} megapixels.": (side, area) =>
      `Изображение может быть не больше ${side} пикселей и ${area} мегапикселей.`,
  },
};

/** The languages by their tags. */
export const LANGUAGES = Object.keys(TEXTS);

// The choice outlives the session, as it says nothing about the account.
const CHOICE = "language";
const wanted = [localStorage.getItem(CHOICE), ...navigator.languages].map((tag) => tag?.slice(0, 2));
let language = wanted.find((tag) => LANGUAGES.includes(tag)) ?? "en";

/** The tag of the language that the page speaks. */
export const currentLanguage = () => language;

export function chooseLanguage(tag) {
  language = tag;
  localStorage.setItem(CHOICE, tag);
}

/** One of the page's own texts. */
export function text(key, ...values) {
  const text = TEXTS[language][key];
  return typeof text === "function" ? text(...values) : text;
}

/** A message of the service; one that the table does not know stays as it was sent. */
export function serviceText(message) {
  for (const [original, translation] of Object.entries(SERVICE_TEXTS[language] ?? {})) {
    const values = pattern(original).exec(message)?.slice(1);
    if (values) {
      return typeof translation === "function" ? translation(...values) : translation;
    }
  }
  return message;
}

function pattern(original) {
  const literals = original.split(/\{\w+\}/).map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`^${literals.join("(.+)")}$`, "s");
}

function plural(n, one, few, many) {
  return { one, few, many }[new Intl.PluralRules("ru").select(Number(n))];
}
