// Every word of the page, in each of its languages, and the language that is spoken.

const WORDS = {
  en: {
    title: "Remove the background",
    other_language: "中文",
    add: "Add pictures",
    choose: "Choose pictures",
    lead: "Drop pictures here",
    start_hint: "or paste one, or",
    start_private: "Pictures go to this server and to nobody else.",
    drop_here: "Drop the pictures here",
    pictures: "Pictures",
    stage: "Picture",
    compare: "Before and after",
    compare_value: "{n} % original",
    tools: "Tools",
    zoom_in: "Zoom in",
    zoom_out: "Zoom out",
    zoom_fit: "Fit",
    zoom_fit_label: "Fit the picture into the window",

    background: "Background",
    transparent: "Transparent",
    colour: "Colour",
    image: "Image",
    blur: "Blur",
    own_colour: "Custom",
    white: "White",
    black: "Black",
    grey: "Grey",
    red: "Red",
    blue: "Blue",
    choose_image: "Choose an image",
    image_hint: "It fills the whole picture; what is too much is cut off evenly.",
    image_broken: "{name} cannot be shown as an image.",
    radius: "Radius",
    for_all: "Background, crop and file format hold for all pictures.",

    touch_up: "Touch up",
    brush: "Brush",
    keep: "Keep",
    erase: "Erase",
    size: "Size",
    soft: "Soft edge",
    undo: "Undo",
    redo: "Redo",
    reset: "Start over",
    easel: "Brush on the picture",
    brush_hint:
      "Paint on the picture. With the keyboard: arrow keys move the brush (with Shift further), " +
      "Space paints, K keeps, E erases, [ and ] change the size, Ctrl+Z undoes.",
    refine: "For all pictures",
    model: "Model",
    matting: "Finer hair and fur (slower)",
    solid: "Nothing translucent inside",
    clean: "Drop specks, fill pinholes",
    brush_down: "Brush down",
    brush_up: "Brush up",
    undone: "Undone",
    redone: "Redone",

    crop: "Crop",
    crop_none: "Whole picture",
    crop_object: "To the object",
    crop_free: "Free",
    margin: "Margin",
    left: "Left",
    top: "Top",
    width: "Width",
    height: "Height",
    crop_hint: "Drag the frame and its corners, or type pixels.",
    crop_nothing: "There is no object to crop to in {name}.",

    file: "File",
    format: "Format",
    quality: "Quality",
    format_png: "PNG, exact",
    format_webp: "WebP, small",
    format_jpeg: "JPEG",
    jpeg_white: "JPEG has no transparency: what is transparent becomes white.",
    name: "Name",
    name_hint: "{stem} stands for each picture's own name.",
    result_size: "{w} × {h} pixels",
    download: "Download",
    download_all: "Download all as zip",
    making: "Making {name} …",
    making_all: "Making {n} of {of} …",
    downloaded: "{name} is ready.",
    left_out: "Left out: {names}.",

    camera: "Camera",
    camera_view: "The camera without its background",
    camera_hint: "Frames go to this server and to nobody else, and are not kept there.",
    camera_start: "Start the camera",
    camera_stop: "Stop the camera",
    camera_starting: "Starting …",
    camera_running: "The camera is on.",
    camera_stopped: "The camera is off.",
    camera_paused: "Paused while the page is not seen.",
    camera_number: "Camera {n}",
    camera_rate: "{n} frames a second, {ms} ms behind",
    camera_busy: "All places for cameras are taken. Try again later.",
    camera_denied: "The browser does not let this page use the camera. Allow it, then start again.",
    camera_none: "There is no camera.",
    camera_taken: "The camera cannot be read. Another program may be using it.",
    camera_gone: "The camera is gone.",
    camera_insecure: "Browsers give cameras to pages of https:// addresses and of this machine only.",
    steady: "Steadiness",
    mirror: "As in a mirror",
    full_screen: "Full screen",

    waiting: "Waiting",
    working: "Working …",
    done: "Done",
    empty: "Nothing found",
    failed: "Failed",
    said: "{name}: {state}",
    progress: "{n} of {of} done",
    retry: "Try again",
    retry_name: "Try {name} again",
    remove_name: "Remove {name}",
    removed: "{name} is removed",
    empty_long:
      "Nothing was found in this picture. Paint what to keep, or let the service try all the same.",
    try_anyway: "Try all the same",
    unreadable: "This browser cannot show {name}.",
    unreachable: "The service does not answer. Is it still running?",
    other_size: "The service's mask is {w} × {h} pixels, the picture {w2} × {h2}.",
    not_understood: "The service answered with something that is no picture ({status}).",
    too_many: "A zip takes at most 65,535 files of 4 GB together.",
    old_browser: "This browser is too old for this page: it has no {what}.",
  },
  zh: {
    title: "智能抠图",
    other_language: "English",
    add: "添加图片",
    choose: "选择图片",
    lead: "把图片拖到这里",
    start_hint: "也可以直接粘贴，或者",
    start_private: "图片只会发送到这台服务器，不会传给任何第三方。",
    drop_here: "松开鼠标，添加图片",
    pictures: "图片列表",
    stage: "图片",
    compare: "抠图前后对比",
    compare_value: "原图占 {n}%",
    tools: "工具",
    zoom_in: "放大",
    zoom_out: "缩小",
    zoom_fit: "适应",
    zoom_fit_label: "适应窗口大小",

    background: "背景",
    transparent: "透明",
    colour: "纯色",
    image: "图片",
    blur: "模糊",
    own_colour: "自定义颜色",
    white: "白色",
    black: "黑色",
    grey: "灰色",
    red: "红色",
    blue: "蓝色",
    choose_image: "选择背景图",
    image_hint: "背景图会铺满整张图片，多出的部分居中裁掉。",
    image_broken: "无法将 {name} 作为图片打开。",
    radius: "模糊半径",
    for_all: "背景、裁剪和导出设置对所有图片生效。",

    touch_up: "修补",
    brush: "画笔",
    keep: "保留",
    erase: "擦除",
    size: "画笔大小",
    soft: "羽化",
    undo: "撤销",
    redo: "重做",
    reset: "重置",
    easel: "在图片上涂抹",
    brush_hint:
      "直接在图片上涂抹。键盘操作：方向键移动画笔（按住 Shift 移动更快），空格键涂抹，" +
      "K 保留，E 擦除，[ 和 ] 调整大小，Ctrl+Z 撤销。",
    refine: "对所有图片",
    model: "模型",
    matting: "精细发丝与毛发（较慢）",
    solid: "主体内部不透明",
    clean: "去除杂点，填补小孔",
    brush_down: "落笔",
    brush_up: "抬笔",
    undone: "已撤销",
    redone: "已重做",

    crop: "裁剪",
    crop_none: "不裁剪",
    crop_object: "贴合主体",
    crop_free: "自由裁剪",
    margin: "留白",
    left: "左",
    top: "上",
    width: "宽",
    height: "高",
    crop_hint: "拖动裁剪框或四角，也可以直接输入像素值。",
    crop_nothing: "{name} 中没有可贴合的主体。",

    file: "导出",
    format: "格式",
    quality: "质量",
    format_png: "PNG，无损",
    format_webp: "WebP，体积小",
    format_jpeg: "JPEG",
    jpeg_white: "JPEG 不支持透明，透明部分会变为白色。",
    name: "文件名",
    name_hint: "{stem} 代表每张图片原来的文件名。",
    result_size: "{w} × {h} 像素",
    download: "下载",
    download_all: "全部下载（zip）",
    making: "正在生成 {name}…",
    making_all: "正在生成第 {n} 张，共 {of} 张…",
    downloaded: "{name} 已生成。",
    left_out: "未包含：{names}。",

    camera: "摄像头",
    camera_view: "去除背景后的实时画面",
    camera_hint: "画面只会发送到这台服务器，不会保存，也不会传给任何第三方。",
    camera_start: "开启摄像头",
    camera_stop: "关闭摄像头",
    camera_starting: "正在开启…",
    camera_running: "摄像头已开启。",
    camera_stopped: "摄像头已关闭。",
    camera_paused: "页面不可见时已暂停。",
    camera_number: "摄像头 {n}",
    camera_rate: "每秒 {n} 帧，延迟 {ms} 毫秒",
    camera_busy: "摄像头名额已满，请稍后再试。",
    camera_denied: "浏览器未允许本页面使用摄像头，请授权后重新开启。",
    camera_none: "没有找到摄像头。",
    camera_taken: "无法读取摄像头，可能正被其他程序占用。",
    camera_gone: "摄像头已断开。",
    camera_insecure: "浏览器只允许 https:// 页面或本机页面使用摄像头。",
    steady: "稳定度",
    mirror: "镜像",
    full_screen: "全屏",

    waiting: "排队中",
    working: "抠图中…",
    done: "已完成",
    empty: "未发现主体",
    failed: "失败",
    said: "{name}：{state}",
    progress: "已完成 {n} / {of}",
    retry: "重试",
    retry_name: "重试 {name}",
    remove_name: "删除 {name}",
    removed: "已删除 {name}",
    empty_long: "这张图片中没有发现主体。可以用画笔涂出要保留的部分，也可以强制抠图。",
    try_anyway: "强制抠图",
    unreadable: "浏览器无法显示 {name}。",
    unreachable: "服务没有响应，请确认它仍在运行。",
    other_size: "服务返回的蒙版为 {w} × {h} 像素，而图片为 {w2} × {h2} 像素。",
    not_understood: "服务返回的不是图片（{status}）。",
    too_many: "一个 zip 最多包含 65,535 个文件，总大小不超过 4 GB。",
    old_browser: "浏览器版本过旧，缺少 {what}，无法使用本页面。",
  },
};

const KEPT = "language";
let language = kept() ?? (navigator.languages ?? []).map(known).find(Boolean) ?? "en";

function known(tag) {
  return Object.keys(WORDS).find((name) => tag.toLowerCase().split("-")[0] === name);
}

function kept() {
  try {
    return known(localStorage.getItem(KEPT) ?? "");
  } catch {
    return undefined; // a browser that keeps nothing
  }
}

/** The words of a key; `{n}` in them stands for `values.n`. */
export function word(key, values = {}) {
  const text = WORDS[language][key];
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Writes the words into every element with `data-word` (text) or `data-label` (its name). */
export function speak() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]"))
    element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
    if (element.localName === "button") element.title = word(element.dataset.label);
  }
}

/** Goes on in the next language. */
export function switchLanguage() {
  const names = Object.keys(WORDS);
  language = names[(names.indexOf(language) + 1) % names.length];
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // It is asked for again next time.
  }
  speak();
}
